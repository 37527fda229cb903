// A question's card can be dragged to the right for yes and to the left for no; the slider and the
// buttons say the same.
"use strict";
(() => {
  const FAR = 110; // pixels of a whole swipe
  let held = null;

  const show = (card, value) => {
    const form = card.querySelector("form.swipe");
    form.querySelector("input[type=range]").value = value;
    const text = (value > 0 ? "+" : "") + value;
    form.querySelector("output").textContent = text;
    const send = form.querySelector("button.send");
    send.textContent = "Send " + text;
    card.classList.toggle("leans-yes", value >= 5);
    card.classList.toggle("leans-no", value <= -5);
  };

  document.addEventListener("input", (event) => {
    const card = event.target.closest(".question");
    if (card && event.target.type === "range") show(card, Number(event.target.value));
  });

  document.addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".question");
    if (!card || !card.querySelector("form.swipe")) return;
    if (event.target.closest("input, button, a, label") || event.button) return;
    held = { card, x: event.clientX, y: event.clientY, id: event.pointerId, by: 0 };
  });

  document.addEventListener("pointermove", (event) => {
    if (!held || event.pointerId !== held.id) return;
    held.by = event.clientX - held.x;
    if (Math.abs(held.by) < 8) return;
    held.card.classList.add("held");
    held.card.style.transform = `translateX(${held.by}px) rotate(${held.by / 40}deg)`;
    show(held.card, Math.max(-10, Math.min(10, Math.round((held.by / FAR) * 10))));
  });

  const drop = (event) => {
    if (!held || event.pointerId !== held.id) return;
    const { card, by } = held;
    held = null;
    card.classList.remove("held");
    card.style.transform = "";
    if (event.type === "pointerup" && Math.abs(by) >= FAR) {
      const form = card.querySelector("form.swipe");
      form.requestSubmit();
    } else if (Math.abs(by) >= 8) {
      show(card, 0);
    }
  };
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", drop);

  window.countersignIsBusy = () => held !== null;
})();
