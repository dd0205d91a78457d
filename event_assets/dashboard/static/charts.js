// Draws each chart from the JSON beside it with Vega-Lite. Expressions are interpreted, never compiled, so that the
// page's policy may forbid eval. Colours come from the style sheet; a change of theme or width draws anew.
import { View, compile, expressionInterpreter, parse, Warn } from "./vendor/vega.js";
import { SPECS } from "./specs.js";

const charts = [...document.querySelectorAll("[data-chart]")].map((element) => {
  const { columns, rows, drill } = JSON.parse(element.parentElement.querySelector("script").textContent);
  const values = rows.map((row) => Object.fromEntries(columns.map((name, place) => [name, row[place]])));
  if (drill) element.dataset.drills = "";
  return { element, values, drill, view: null };
});

const world = charts.some(({ element }) => element.dataset.chart === "map")
  ? await (await fetch(new URL("vendor/continents.json", import.meta.url))).json()
  : null;

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
      labelColor: colours.text, titleColor: colours.quiet, labelFontSize: 12.5, symbolType: "square", title: null,
      orient: "top", offset: 8, symbolSize: 90, columnPadding: 16, labelLimit: 160,
    },
    text: { color: colours.text, fontSize: 12.5, font },
    range: { category: colours.category },
  };
}

function draw(chart, colours) {
  const { element, values } = chart;
  const width = element.clientWidth;
  if (!width) return;
  const spec = SPECS[element.dataset.chart](values, { colours, width, world });
  const full = { ...spec, width: spec.width ?? "container", autosize: { type: "fit", contains: "padding" } };
  const vega = compile(full, { config: config(colours) }).spec;
  chart.view?.finalize();
  element.replaceChildren();
  chart.view = new View(parse(vega, null, { ast: true }), {
    expr: expressionInterpreter, renderer: "svg", logLevel: Warn, tooltip: tip, container: element, hover: true,
  });
  if (chart.drill) chart.view.addEventListener("click", (event, item) => open(chart.drill, item?.datum));
  chart.view.runAsync().then(() => { element.dataset.drawn = width; });
  element.view = chart.view;
}

// The rows behind a mark: the same addresses as the links of the table.
function open(drill, datum) {
  if (!datum || datum.other || drill.columns.some((name) => datum[name] == null)) return;
  const wanted = new URLSearchParams();
  for (const name of drill.columns) {
    if (name !== "event_date") { wanted.set(name, datum[name]); continue; }
    const day = datum.day ?? datum.event_date;
    wanted.set("from", day);
    wanted.set("to", day);
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

function drawAll() {
  const colours = palette();
  for (const chart of charts) draw(chart, colours);
  document.documentElement.dataset.charts = "drawn";
}

await document.fonts.ready;
drawAll();
addEventListener("themechange", drawAll);
let waiting;
new ResizeObserver(() => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const colours = palette();
    for (const chart of charts) {
      if (chart.element.clientWidth && chart.element.dataset.drawn !== String(chart.element.clientWidth)) draw(chart, colours);
    }
  }, 120);
}).observe(document.body);
