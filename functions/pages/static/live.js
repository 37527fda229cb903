// Keeps the page current: it is swapped only when something changed and nobody is at work in it, and
// times run by the clock of the functions, which may be a simulator's.
"use strict";
(() => {
  let shown = null;
  let clock = null;

  const isAtWork = () => {
    const active = document.activeElement;
    const typing = active && active.closest("#main") && active.matches("input, textarea, select");
    return typing || window.countersignIsBusy();
  };
  const mainOf = (html) => {
    const found = new DOMParser().parseFromString(html, "text/html").getElementById("main");
    return found && found.innerHTML;
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "poll" && isAtWork()) event.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, elt, target } = event.detail;
    const said = (xhr.getResponseHeader("X-Console-Clock") || "").split(" ");
    if (said.length === 2) setClock(said[0], Number(said[1]));
    if (elt.id === "poll" && xhr.status !== 200) { event.detail.shouldSwap = false; return; }
    if (!target || target.id !== "main") return;
    const main = mainOf(xhr.responseText);
    if (elt.id === "poll" && (main === shown || isAtWork())) event.detail.shouldSwap = false;
    else shown = main;
  });

  // What happened in the simulator shows at once, and once more when the ticks had their time.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.closest && event.detail.elt.closest(".simulator")) htmx.trigger("#poll", "refresh");
  });
  // Where nothing answers, or only with an error, the page says so, goes on trying, and takes it back.
  const SILENT = "The functions do not answer: trying again.";
  let trouble = "";
  const notice = () => document.getElementById("notice");
  const inTrouble = (text) => { trouble = text; notice().textContent = text; };
  document.addEventListener("htmx:sendError", () => inTrouble(SILENT));
  document.addEventListener("htmx:timeout", () => inTrouble(SILENT));
  document.addEventListener("htmx:afterOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    if (elt.id === "poll" && xhr.status !== 200) {
      const said = new DOMParser().parseFromString(xhr.responseText, "text/html").getElementById("notice");
      inTrouble(`${said ? said.textContent.trim() : xhr.status}: trying again.`);
    } else if (trouble) {
      if (notice().textContent === trouble) notice().textContent = "";
      trouble = "";
    }
  });

  const setClock = (instant, speed) => { clock = { at: Date.parse(instant), seen: Date.now(), speed }; };
  const now = () => clock.at + (Date.now() - clock.seen) * clock.speed;
  const spell = (seconds) => seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const inNewYork = new Intl.DateTimeFormat("en-GB", { timeZone: "America/New_York", timeStyle: "medium" });

  const tick = () => {
    if (!clock) return;
    const top = document.querySelector("time.now");
    if (top) top.textContent = inNewYork.format(new Date(now())) + (clock.speed === 0 ? " (paused)" : "");
    document.querySelectorAll("[data-ago]").forEach((each) => {
      const seconds = Math.max(0, Math.round((now() - Date.parse(each.dataset.ago)) / 1000));
      each.textContent = seconds < 7200 ? `${spell(seconds)} ago` : each.textContent;
    });
    document.querySelectorAll("[data-until]").forEach((each) => {
      const seconds = Math.round((Date.parse(each.dataset.until) - now()) / 1000);
      each.textContent = seconds > 0 ? `${spell(seconds)} left` : "expired";
      each.classList.toggle("soon", seconds < 60);
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    const top = document.querySelector("time.now");
    if (top) setClock(top.dataset.now, Number(top.dataset.speed));
    tick();
    setInterval(tick, 500);
  });
  document.addEventListener("htmx:afterSettle", tick);
})();
