// What each chart looks like: its rows in, a Vega-Lite specification out. Numbers are drawn as they come; the one sum
// made here is that of the rarest types, which beyond seven are drawn as one.
const NUMBER = ",.0f";
const OTHERS = "all others";
const ANY = "any type";
const REGIONS = {
  AF: "Africa", AN: "Antarctica", AS: "Asia", EU: "Europe", NA: "North America", OC: "Oceania", SA: "South America",
};
const DAY_MS = 86_400_000;
// Each figure by itself: zero without the letter of the thousands beside it.
const SHORT = "format(datum.value, '.3~s')";
const short = { tickCount: 5, tickMinStep: 1, labelExpr: SHORT };
const amount = (field) => ({ field, type: "quantitative", title: null, axis: short, scale: { zero: true } });
const tip = (field, title, format) => ({ field, title, type: format ? "quantitative" : "nominal", ...(format && { format }) });

// A ramp from nothing to the most, and its legend.
function ramp(field, title, values, colours, more = {}) {
  const most = Math.max(1, ...values.map((row) => row[field]));
  return {
    field,
    type: "quantitative",
    scale: { domain: [0, most], nice: false, range: [colours.low, colours.accent, colours.high], ...more },
    legend: { title, values: [0, Math.round(most / 2), most], labelExpr: SHORT, gradientLength: 160, gradientThickness: 8, direction: "horizontal" },
  };
}

function dates({ from, to }, step = 1) {
  const found = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += step * DAY_MS) found.push(new Date(at).toISOString().slice(0, 10));
  return found;
}

// Every date of the range has its place, whether anything happened on it or not.
function days(domain, width, title = null) {
  const step = Math.max(1, Math.ceil(domain.length / Math.max(2, Math.floor(width / 85))));
  const years = domain[0].slice(0, 4) !== domain.at(-1).slice(0, 4) && domain.length > 180;
  return {
    field: "event_date",
    type: "ordinal",
    title,
    scale: { type: "band", domain, paddingInner: domain.length > 200 ? 0 : 0.14, paddingOuter: 0 },
    axis: {
      values: domain.filter((_, place) => place % step === 0),
      labelExpr: `utcFormat(toDate(datum.value), '${years ? "%b %Y" : "%b %-d"}')`,
      labelAngle: 0,
      labelOverlap: "greedy",
      labelFlush: false,
      ticks: domain.length > 14,
    },
  };
}

// A few dates don't make bars as broad as a hand.
const bar = (domain, width, more = {}) => ({ type: "bar", ...(domain.length < width / 75 && { width: 60 }), ...more });

function kept(types) {
  return types.length > 8 ? [...types.slice(0, 7), OTHERS] : types;
}

const legend = (domain, width) =>
  domain.length > 1 ? { columns: Math.max(1, Math.floor(width / 130)), values: domain, title: null } : null;

function events({ values, from, to }, { width, types }) {
  const domain = kept(types);
  const merged = new Map();
  for (const row of values) {
    const other = !domain.includes(row.event_type);
    const event_type = other ? OTHERS : row.event_type;
    const key = JSON.stringify([row.event_date, event_type]);
    const before = merged.get(key)?.events ?? 0;
    const place = domain.indexOf(event_type);
    merged.set(key, { event_date: row.event_date, event_type, events: before + row.events, other, place });
  }
  return {
    data: { values: [...merged.values()] },
    height: 260,
    mark: bar(dates({ from, to }), width),
    encoding: {
      x: days(dates({ from, to }), width),
      y: amount("events"),
      color: { field: "event_type", type: "nominal", scale: { domain }, legend: legend(domain, width) },
      order: { field: "place", type: "quantitative" },
      tooltip: [tip("event_date", "Date"), tip("event_type", "Type"), tip("events", "Events", NUMBER)],
    },
  };
}

function lines(rows, range, width, color, tooltip) {
  const y = amount("users");
  return {
    data: { values: rows },
    height: 260,
    encoding: { x: days(range, width), color, tooltip },
    layer: [
      { mark: { type: "line", strokeWidth: 2, aria: false }, encoding: { y } },
      { mark: { type: "point", filled: true, size: range.length > 60 ? 12 : 46, opacity: 1 }, encoding: { y } },
    ],
  };
}

function users({ values, from, to }, { width, types, colours }) {
  const range = dates({ from, to });
  const shown = types.length > 1 ? [null, ...types.slice(0, 7)] : [null];
  const known = new Map(values.map((row) => [JSON.stringify([row.event_date, row.event_type]), row.users]));
  const rows = shown.flatMap((type) =>
    range.map((event_date) => ({ event_date, event_type: type ?? ANY, users: known.get(JSON.stringify([event_date, type])) ?? 0 })),
  );
  const domain = shown.map((type) => type ?? ANY);
  const colour = { field: "event_type", type: "nominal", scale: { domain, range: [colours.text, ...colours.category] }, legend: legend(domain, width) };
  const tooltip = [tip("event_date", "Date"), tip("event_type", "Type"), tip("users", "Users", NUMBER)];
  return lines(rows, range, width, colour, tooltip);
}

const SPANS = { day: "the day", week: "7 days", month: "28 days" };

function active({ values, from, to }, { width, colours }) {
  const range = dates({ from, to });
  const rows = Object.entries(SPANS).flatMap(([field, span]) =>
    values.map((row) => ({ event_date: row.event_date, span, users: row[field] })),
  );
  const domain = Object.values(SPANS);
  const colour = { field: "span", type: "nominal", scale: { domain }, legend: legend(domain, width) };
  const tooltip = [tip("event_date", "Date"), tip("span", "Active in"), tip("users", "Users", NUMBER)];
  return lines(rows, range, width, colour, tooltip);
}

function cohorts({ values }, { colours }) {
  const rows = values.map((row) => ({ ...row, percent: row.share * 100 }));
  const later = rows.filter((row) => row.offset_weeks > 0);
  const bare = { domain: false, ticks: false, labelAngle: 0 };
  return {
    data: { values: rows },
    height: 80 + 30 * new Set(values.map((row) => row.cohort_week)).size,
    mark: { type: "rect", stroke: colours.card, strokeWidth: 1 },
    encoding: {
      x: { field: "offset_weeks", type: "ordinal", title: "weeks later", scale: { padding: 0 }, axis: bare },
      y: { field: "cohort_week", type: "ordinal", title: null, scale: { padding: 0 }, axis: bare },
      color: ramp("percent", "% came back", later, colours, { clamp: true }),
      tooltip: [
        tip("cohort_week", "First in the week of"), tip("offset_weeks", "Weeks later"),
        tip("users", "Users", NUMBER), tip("share", "Share", ".1%"),
      ],
    },
  };
}

function sessions({ values, from, to }, { width, colours }) {
  return {
    data: { values },
    height: 250,
    mark: bar(dates({ from, to }), width, { color: colours.accent }),
    encoding: {
      x: days(dates({ from, to }), width),
      y: amount("sessions"),
      tooltip: [tip("event_date", "Date"), tip("sessions", "Sessions", NUMBER), tip("events_per_session", "Events each", ",.1f")],
    },
  };
}

function heat({ values, from, to }, { width, colours }) {
  const minutes = values.length > 0 && "minute" in values[0];
  const range = dates({ from, to });
  const monday = new Date(Date.parse(from) - ((new Date(from).getUTCDay() + 6) % 7) * DAY_MS).toISOString().slice(0, 10);
  const columns = minutes ? Array.from({ length: 60 }, (_, n) => n) : range.length > 400 ? dates({ from: monday, to }, 7) : range;
  const bare = { domain: false, ticks: false, labelOverlap: false };
  const x = minutes
    ? { field: "minute", type: "ordinal", title: "minute of the hour", scale: { domain: columns }, axis: { ...bare, labelAngle: 0, labelExpr: "datum.value % 10 == 0 ? datum.label : ''" } }
    : days(columns, width);
  const gap = columns.length > 120 ? 0 : 1;
  return {
    data: { values },
    height: 320,
    mark: { type: "rect", stroke: colours.card, strokeWidth: gap },
    encoding: {
      x: { ...x, scale: { ...x.scale, padding: 0, paddingInner: 0, paddingOuter: 0 } },
      y: {
        field: "hour", type: "ordinal", title: null, scale: { domain: Array.from({ length: 24 }, (_, n) => n), padding: 0 },
        axis: { ...bare, labelExpr: "datum.value % 3 == 0 ? format(datum.value, '02d') + ':00' : ''" },
      },
      color: ramp("events", "Events", values, colours, { type: "sqrt" }),
      tooltip: [minutes ? tip("minute", "Minute") : tip("event_date", "Date"), tip("hour", "Hour"), tip("events", "Events", NUMBER)],
    },
  };
}

// Bars that lie: a name on the left, the figure at the bar's end.
function lying({ values }, { width, colours }, name, field, { tooltip, text, colour = colours.accent, room = 64 }) {
  const most = Math.max(1, ...values.map((row) => row[field]));
  const names = Math.min(170, 8 * Math.max(...values.map((row) => String(row[name]).length)) + 12);
  const free = Math.max(60, width - names);
  const x = { field, type: "quantitative", axis: null, scale: { domain: [0, most * (free / Math.max(30, free - room))], nice: false } };
  return {
    data: { values: values.map((row) => ({ ...row, figure: text ? text(row) : row[field].toLocaleString("en-US") })) },
    height: values.length * 32,
    encoding: { y: { field: name, type: "nominal", sort: null, title: null, scale: { paddingInner: 0.3 }, axis: { labelLimit: 160, domain: false, ticks: false } }, tooltip },
    layer: [
      { mark: { type: "bar", color: colour, cornerRadiusEnd: 3 }, encoding: { x } },
      { mark: { type: "text", align: "left", dx: 6, aria: false }, encoding: { x, text: { field: "figure" } } },
    ],
  };
}

function funnel(data, context) {
  const share = (value) => (value == null ? "" : ` · ${(value * 100).toFixed(1)} %`);
  return lying(data, context, "step", "users", {
    room: 108,
    text: (row) => row.users.toLocaleString("en-US") + (row.step_number > 1 ? share(row.conversion_from_first) : ""),
    tooltip: [
      tip("step", "Step"), tip("users", "Users", NUMBER),
      tip("conversion_from_previous", "From step before", ".1%"), tip("conversion_from_first", "From first step", ".1%"),
    ],
  });
}

const shares = (name, title, field, what) => [tip(name, title), tip(field, what, NUMBER), tip("share", "Share", ".1%")];

const lengths = (data, context) =>
  lying(data, context, "length", "sessions", { tooltip: shares("length", "Length", "sessions", "Sessions") });

const late = (data, context) =>
  lying(data, context, "behind", "records", { tooltip: shares("behind", "Behind", "records", "Records") });

const refused = (data, context) =>
  lying(data, context, "reason", "records", {
    colour: context.colours.bad,
    tooltip: [tip("reason", "Reason"), tip("records", "Records", NUMBER)],
  });

function map({ values }, { colours, width, world }) {
  const rows = values.map((row) => ({ ...row, name: REGIONS[row.geo_region] ?? row.geo_region }));
  const continents = { values: world, format: { type: "topojson", feature: "continents" } };
  const fields = ["geo_region", "name", "minutes", "share", "users"];
  return {
    height: Math.round(Math.max(180, Math.min(400, width * 0.5))),
    projection: { type: "equalEarth" },
    layer: [
      { data: continents, mark: { type: "geoshape", fill: colours.land, stroke: colours.card, aria: false } },
      {
        data: continents,
        transform: [{ lookup: "id", from: { data: { values: rows }, key: "geo_region", fields } }, { filter: "isValid(datum.minutes)" }],
        mark: { type: "geoshape", stroke: colours.card },
        encoding: {
          color: ramp("minutes", "Minutes", values, colours),
          tooltip: [tip("name", "Region"), tip("minutes", "Minutes", ",.2f"), tip("share", "Share", ".1%"), tip("users", "Users", NUMBER)],
        },
      },
    ],
  };
}

export const SPECS = { events, users, active, cohorts, sessions, heat, funnel, lengths, late, refused, map };
