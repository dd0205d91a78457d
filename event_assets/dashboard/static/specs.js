// What each chart looks like: rows in, a Vega-Lite specification out. Numbers are drawn as they come, never computed
// anew, but for the smallest types of events, which beyond seven are shown as one.
const NUMBER = ",.0f";
const SHORT = "~s";
const DAY = { timeUnit: "utcyearmonthdate", type: "temporal", title: null, axis: { format: "%b %-d", labelOverlap: true, tickCount: { expr: "width / 90" } } };
const REGIONS = { AF: "Africa", AN: "Antarctica", AS: "Asia", EU: "Europe", NA: "North America", OC: "Oceania", SA: "South America" };

const amount = (field, title, more = {}) => ({ field, type: "quantitative", title, axis: { format: SHORT, tickCount: 5 }, ...more });
const said = (field, title, format) => ({ field, title, type: format ? "quantitative" : "nominal", ...(format && { format }) });

function days(values) {
  const years = new Set(values.map((row) => row.event_date.slice(0, 4)));
  const few = new Set(values.map((row) => row.event_date)).size <= 10;
  const format = years.size > 1 ? "%b %Y" : "%b %-d";
  return { ...DAY, field: "event_date", axis: { ...DAY.axis, format, ...(few && { tickCount: "day" }) } };
}

const dated = (values) => values.map((row) => ({ ...row, day: row.event_date }));

function events(values) {
  const totals = new Map();
  for (const row of values) totals.set(row.event_type, (totals.get(row.event_type) ?? 0) + row.events);
  const order = [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([type]) => type);
  const kept = new Set(order.length > 8 ? order.slice(0, 7) : order);
  const merged = new Map();
  for (const row of values) {
    const other = !kept.has(row.event_type);
    const event_type = other ? "all others" : row.event_type;
    const key = JSON.stringify([row.event_date, event_type]);
    const seen = merged.get(key);
    if (seen) seen.events += row.events;
    else merged.set(key, { event_date: row.event_date, day: row.event_date, event_type, events: row.events, other });
  }
  const domain = [...kept, ...(order.length > kept.size ? ["all others"] : [])];
  return {
    data: { values: [...merged.values()] },
    height: 260,
    mark: { type: "bar", cornerRadiusEnd: 0 },
    encoding: {
      x: days(values),
      y: amount("events", null),
      color: { field: "event_type", type: "nominal", scale: { domain }, legend: domain.length > 1 ? { columns: { expr: "max(1, floor(width / 130))" } } : null },
      order: { field: "place", type: "quantitative" },
      tooltip: [said("day", "Date"), said("event_type", "Type"), said("events", "Events", NUMBER)],
    },
    transform: [{ calculate: `indexof(${JSON.stringify(domain)}, datum.event_type)`, as: "place" }],
  };
}

function line(values, field, title, colours) {
  return {
    data: { values: dated(values) },
    height: 220,
    encoding: { x: days(values), tooltip: [said("day", "Date"), said(field, title, NUMBER)] },
    layer: [
      { mark: { type: "area", color: colours.accent, opacity: 0.14, line: { color: colours.accent, strokeWidth: 2 } }, encoding: { y: amount(field, null) } },
      { mark: { type: "point", filled: true, size: values.length > 60 ? 12 : 44, color: colours.accent, opacity: 1 }, encoding: { y: amount(field, null) } },
    ],
  };
}

function bars(values, field, title, colours) {
  return {
    data: { values: dated(values) },
    height: 220,
    mark: { type: "bar", color: colours.accent },
    encoding: { x: days(values), y: amount(field, null), tooltip: [said("day", "Date"), said(field, title, NUMBER), said("events_per_session", "Events each", ",.1f")] },
  };
}

// Bars that lie: a name on the left, the number at the bar's end.
function lying(values, name, field, colours, { text = field, format = NUMBER, tooltip, colour = colours.accent, room = 70 } = {}) {
  return {
    data: { values },
    height: { step: 32 },
    encoding: { y: { field: name, type: "nominal", sort: null, title: null, axis: { labelLimit: 150 } }, tooltip },
    layer: [
      { mark: { type: "bar", color: colour, cornerRadiusEnd: 3, height: { band: 0.72 } }, encoding: { x: { field, type: "quantitative", axis: null, scale: { domainMin: 0, padding: room } } } },
      { mark: { type: "text", align: "left", dx: 6, aria: false }, encoding: { x: { field, type: "quantitative" }, text: { field: text, ...(format && { type: "quantitative", format }) } } },
    ],
  };
}

function heat(values, { colours }) {
  const one = values.length && "minute" in values[0];
  const hour = { field: "hour", type: "ordinal", title: null, scale: { domain: Array.from({ length: 24 }, (_, n) => n) }, axis: { labelExpr: "datum.value % 3 == 0 ? (datum.value < 10 ? '0' : '') + datum.value + ':00' : ''", domain: false, ticks: false, labelOverlap: false } };
  const across = one
    ? { field: "minute", type: "ordinal", title: "minute", scale: { domain: Array.from({ length: 60 }, (_, n) => n) }, axis: { labelAngle: 0, labelExpr: "datum.value % 10 == 0 ? datum.label : ''", domain: false, ticks: false, labelOverlap: false } }
    : days(values);
  return {
    data: { values: one ? values : dated(values) },
    height: 300,
    mark: { type: "rect", stroke: colours.card, strokeWidth: values.length > 2500 ? 0 : 1 },
    encoding: {
      x: across,
      y: hour,
      color: { field: "events", type: "quantitative", scale: { range: [colours.low, colours.accent, colours.high], type: "sqrt" }, legend: { orient: "top", format: SHORT, gradientLength: 160, gradientThickness: 8, direction: "horizontal", tickCount: 3 } },
      tooltip: [one ? said("minute", "Minute") : said("day", "Date"), said("hour", "Hour"), said("events", "Events", NUMBER)],
    },
  };
}

function funnel(values, { colours }) {
  const percent = (share) => (share == null ? "" : ` · ${(share * 100).toFixed(1)} %`);
  const shown = values.map((row) => ({ ...row, text: `${row.users.toLocaleString("en-US")}${row.step_number > 1 ? percent(row.conversion_from_first) : ""}` }));
  return lying(shown, "step", "users", colours, {
    text: "text", format: null, room: 105,
    tooltip: [said("step", "Step"), said("users", "Users", NUMBER), said("conversion_from_previous", "From step before", ".1%"), said("conversion_from_first", "From first step", ".1%")],
  });
}

function map(values, { colours, width, world }) {
  const rows = values.map((row) => ({ ...row, name: REGIONS[row.geo_region] ?? row.geo_region }));
  const tooltip = [said("name", "Region"), said("minutes", "Minutes", ",.2f"), said("share", "Share", ".1%"), said("users", "Users", NUMBER)];
  return {
    width: "container",
    height: Math.round(Math.max(190, Math.min(420, width * 0.48))),
    projection: { type: "equalEarth" },
    layer: [
      { data: { values: world, format: { type: "topojson", feature: "continents" } }, mark: { type: "geoshape", fill: colours.land, stroke: colours.card, aria: false } },
      {
        data: { values: world, format: { type: "topojson", feature: "continents" } },
        transform: [{ lookup: "id", from: { data: { values: rows }, key: "geo_region", fields: ["geo_region", "name", "minutes", "share", "users"] } }, { filter: "isValid(datum.minutes)" }],
        mark: { type: "geoshape", stroke: colours.card },
        encoding: { color: { field: "minutes", type: "quantitative", scale: { domainMin: 0, range: [colours.low, colours.accent, colours.high] }, legend: { title: "Minutes", format: SHORT, gradientLength: 160, gradientThickness: 8, direction: "horizontal", tickCount: 3 } }, tooltip },
      },
    ],
  };
}

export const SPECS = {
  events,
  users: (values, { colours }) => line(values, "users", "Users", colours),
  sessions: (values, { colours }) => bars(values, "sessions", "Sessions", colours),
  lengths: (values, { colours }) => lying(values, "length", "sessions", colours, { tooltip: [said("length", "Length"), said("sessions", "Sessions", NUMBER), said("share", "Share", ".1%")] }),
  refused: (values, { colours }) => lying(values, "reason", "records", colours, { colour: colours.bad, tooltip: [said("reason", "Reason"), said("records", "Records", NUMBER)] }),
  late: (values, { colours }) => lying(values, "behind", "records", colours, { tooltip: [said("behind", "Behind"), said("records", "Records", NUMBER), said("share", "Share", ".1%")] }),
  funnel,
  heat,
  map,
};
