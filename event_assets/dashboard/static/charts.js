// Draws each chart from the JSON beside it with Vega-Lite. Expressions are interpreted, never compiled, so that the
// page's policy may forbid eval. Colours come from the style sheet; a change of theme or width draws again.
import { View, compile, expressionInterpreter, parse, Warn } from "./vendor/vega.js";
import { SPECS } from "./specs.js";

const charts = [...document.querySelectorAll("[data-chart]")].map((element) => {
  const { columns, rows, ...rest } = JSON.parse(element.parentElement.querySelector("script").textContent);
  const values = rows.map((row) => Object.fromEntries(columns.map((name, place) => [name, row[place]])));
  if (rest.drill) element.dataset.drills = "";
  return { element, data: { values, ...rest }, view: null, width: 0 };
});

const world = charts.some(({ element }) => element.dataset.chart === "map")
  ? await (await fetch(new URL("vendor/continents.json", import.meta.url))).json()
  : null;

// The types of events, most frequent first: a type has one colour in all charts.
function typesByFrequency() {
  const totals = new Map();
  for (const { element, data } of charts) {
    if (element.dataset.chart !== "events") continue;
    for (const row of data.values) totals.set(row.event_type, (totals.get(row.event_type) ?? 0) + row.events);
  }
  return [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([type]) => type);
}

const types = typesByFrequency();

function palette() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["card", "grid", "line", "text", "quiet", "accent", "low", "high", "land", "bad"];
  const found = Object.fromEntries(names.map((name) => [name, colour(name)]));
  found.category = [0, 1, 2, 3, 4, 5, 6, 7].map((place) => colour(`c${place}`));
  probe.remove();
  return found;
}

function config(colours) {
  const font = getComputedStyle(document.body).fontFamily;
  return {
    font,
    background: null,
    view: { stroke: null },
    axis: {
      labelColor: colours.quiet, titleColor: colours.quiet, gridColor: colours.grid, domainColor: colours.line,
      tickColor: colours.line, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelPadding: 6,
    },
    axisY: { domain: false, ticks: false },
    axisX: { grid: false },
    legend: {
      labelColor: colours.text, titleColor: colours.quiet, labelFontSize: 12.5, titleFontSize: 12, titleFontWeight: 500,
      symbolType: "square", orient: "top", offset: 8, symbolSize: 90, columnPadding: 16, labelLimit: 160,
    },
    text: { color: colours.text, fontSize: 12.5, font },
    range: { category: colours.category },
  };
}

function draw(chart, colours) {
  const { element, data } = chart;
  const width = element.clientWidth;
  if (!width) return;
  const spec = SPECS[element.dataset.chart](data, { colours, width, world, types });
  const full = { ...spec, width, autosize: { type: "fit", contains: "padding" } };
  const vega = compile(full, { config: config(colours) }).spec;
  chart.view?.finalize();
  const holder = document.createElement("div"); // Vega gives its container a role and a name of its own
  element.replaceChildren(holder);
  chart.view = new View(parse(vega, null, { ast: true }), {
    expr: expressionInterpreter, renderer: "svg", logLevel: Warn, tooltip: tip, container: holder, hover: true,
  });
  if (data.drill) chart.view.addEventListener("click", (event, item) => open(data.drill, item?.datum));
  chart.view.run();
  chart.width = width;
}

// The rows behind a mark: the same addresses as the links of the table.
function open(drill, datum) {
  if (!datum || datum.other || drill.columns.some((name) => datum[name] == null)) return;
  const wanted = new URLSearchParams();
  for (const name of drill.columns) {
    if (name !== "event_date") { wanted.set(name, datum[name]); continue; }
    wanted.set("from", datum.event_date);
    wanted.set("to", datum.event_date);
  }
  for (const [name, value] of Object.entries(drill.range)) if (!wanted.has(name)) wanted.set(name, value);
  location.assign(`${drill.path}?${wanted}`);
}

const box = document.createElement("div");
box.className = "tip";
box.hidden = true;
box.setAttribute("aria-hidden", "true");
document.body.append(box);

function tip(_, event, item, value) {
  box.hidden = !value || typeof value !== "object";
  if (box.hidden) return;
  const list = document.createElement("dl");
  for (const [name, text] of Object.entries(value)) {
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = name; // never as HTML: names and values come from the data
    detail.textContent = text;
    list.append(term, detail);
  }
  box.replaceChildren(list);
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  box.style.top = `${event.clientY + height + 24 > innerHeight ? event.clientY - height - 14 : event.clientY + 14}px`;
}

function redraw(which) {
  const colours = palette();
  for (const chart of which) draw(chart, colours);
}

const drawn = () => charts.filter((chart) => chart.view);

// A chart is drawn when it comes near the screen, all are for paper.
const near = new IntersectionObserver((entries) => {
  const seen = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
  redraw(charts.filter((chart) => seen.includes(chart.element) && !chart.view));
}, { rootMargin: "400px" });

let waiting;
const resized = new ResizeObserver(() => {
  clearTimeout(waiting);
  waiting = setTimeout(() => redraw(drawn().filter((chart) => chart.width !== chart.element.clientWidth)), 120);
});

await document.fonts.ready;
for (const { element } of charts) near.observe(element);
resized.observe(document.body);
addEventListener("themechange", () => redraw(drawn()));
addEventListener("beforeprint", () => redraw(charts.filter((chart) => !chart.view)));
