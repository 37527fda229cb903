// Draws each figure's data; colours are those of the style sheet, light or dark.
"use strict";
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new Map();
  const inNewYork = new Intl.DateTimeFormat("en-GB", { timeZone: "America/New_York", timeStyle: "short" });
  const withSeconds = new Intl.DateTimeFormat("en-GB", { timeZone: "America/New_York", timeStyle: "medium" });

  const dashed = (u, y, stroke) => {
    const at = u.valToPos(y, "y", true);
    if (at < u.bbox.top || at > u.bbox.top + u.bbox.height) return;
    u.ctx.save();
    u.ctx.strokeStyle = stroke;
    u.ctx.setLineDash([5, 5]);
    u.ctx.beginPath();
    u.ctx.moveTo(u.bbox.left, at);
    u.ctx.lineTo(u.bbox.left + u.bbox.width, at);
    u.ctx.stroke();
    u.ctx.restore();
  };

  const marked = (u, marks) => {
    for (const mark of marks) {
      const x = u.valToPos(mark.x, "x", true);
      if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
      u.ctx.save();
      u.ctx.fillStyle = u.ctx.strokeStyle = colour(mark.kind === "fired" ? "--warn" : "--good");
      u.ctx.lineWidth = 2;
      u.ctx.beginPath();
      u.ctx.moveTo(x, u.bbox.top);
      u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
      u.ctx.stroke();
      u.ctx.beginPath();
      u.ctx.arc(x, u.bbox.top + (mark.kind === "fired" ? 6 : 18), 5, 0, 2 * Math.PI);
      u.ctx.fill();
      u.ctx.restore();
    }
  };

  const range = (data) => (u, low, high) => {
    const values = [low, high, data.line, data.reference].filter((v) => v !== null && v !== undefined);
    const bottom = Math.min(...values), top = Math.max(...values);
    const room = (top - bottom || Math.abs(top) * 0.002 || 1) * 0.12;
    return [bottom - room, top + room];
  };

  const axes = (small, span) => {
    if (small) return [{ show: false }, { show: false }];
    const look = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const clock = span < 600 ? withSeconds : inNewYork;
    return [{ ...look, space: 70, size: 30, values: (u, at) => at.map((each) => clock.format(new Date(each * 1000))) }, { ...look, size: 58 }];
  };

  const draw = (figure) => {
    const data = JSON.parse(figure.dataset.chart);
    const small = figure.classList.contains("small");
    const line = colour("--accent");
    const few = data.x.length < 30;
    const chart = new uPlot({
      width: Math.max(120, figure.clientWidth),
      height: small ? 48 : 180,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "America/New_York"),
      legend: { show: false },
      cursor: { show: !small, y: false },
      scales: { x: few && data.x.length === 1 ? { range: [data.x[0] - 60, data.x[0] + 60] } : {}, y: { range: range(data) } },
      axes: axes(small, data.x.at(-1) - data.x[0]),
      series: [{}, { stroke: line, width: 2, fill: colour("--wash"), points: { show: few && !small, size: 6, fill: line } }],
      hooks: { draw: [(u) => {
        if (data.reference !== undefined && data.reference !== null) dashed(u, data.reference, colour("--quiet"));
        if (data.line !== undefined && data.line !== null) dashed(u, data.line, colour("--warn"));
        marked(u, data.marks);
      }] },
    }, [data.x, data.y], figure);
    drawn.set(figure, chart);
  };

  const drawAll = () => {
    for (const [figure, chart] of drawn) {
      if (!figure.isConnected) { chart.destroy(); drawn.delete(figure); }
    }
    document.querySelectorAll("figure.chart").forEach((each) => { if (!drawn.has(each)) draw(each); });
  };
  const again = () => {
    for (const [figure, chart] of drawn) { chart.destroy(); figure.replaceChildren(); }
    drawn.clear();
    drawAll();
  };

  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(again, 150); });
})();
