// What the page shows: pure functions from the admin API's replies to trees, [tag, attributes, ...children].
// A child that is a string becomes text and never markup; `dashboard.js` makes nodes of trees.

// -- amounts --

export function usd(decimal) {
  const amount = Number(decimal);
  const size = Math.abs(amount);
  if (size === 0) return "$0";
  if (size >= 1) return "$" + amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return "$" + Number(amount.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 9 });
}

export function count(number) {
  if (number < 100_000) return number.toLocaleString("en-US");
  const [size, letter] = number < 1e6 ? [1e3, "k"] : number < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return (number / size).toPrecision(3).replace(/\.0+$/, "") + " " + letter;
}

export function seconds(span) {
  if (span < 1) return `${Math.round(span * 1000)} ms`;
  if (span < 120) return `${span.toFixed(span < 10 ? 1 : 0)} s`;
  if (span < 7200) return `${Math.round(span / 60)} min`;
  return span < 172_800 ? `${Math.round(span / 3600)} h` : `${Math.round(span / 86_400)} days`;
}

export const dayOf = (wallMs) => new Date(wallMs).toISOString().slice(0, 10);

const momentOf = (wallMs) => new Date(wallMs).toISOString().slice(0, 19).replace("T", " ");

const READ = ["input", "cache_read", "cache_write_short", "cache_write_long", "input_audio", "cache_read_audio", "input_image", "cache_read_image", "input_video"];
const WRITTEN = ["output", "reasoning", "output_audio", "output_image", "output_video"];

const sumOf = (usage, names) => names.reduce((sum, name) => sum + usage[name], 0);

// -- parts --

const number = (text) => ["td", { class: "number" }, text];
const text = (words) => ["td", { class: "long", title: words }, words];
const faint = (words) => ["p", { class: "faint" }, words];
const state = (word, mood) => ["span", { class: `state ${mood}` }, word];

function table(heads, rows, nothing) {
  if (!rows.length) return faint(nothing);
  const cells = heads.map((head) => (head.startsWith(">") ? ["th", { class: "number", scope: "col" }, head.slice(1)] : ["th", { scope: "col" }, head]));
  return ["table", {}, ["thead", {}, ["tr", {}, ...cells]], ["tbody", {}, ...rows]];
}

// Of a whole, each part given as [class, value]; what does not fit is drawn as over.
function bar(whole, parts, title) {
  const total = parts.reduce((sum, [, value]) => sum + value, 0);
  const scale = 100 / Math.max(whole, total, Number.MIN_VALUE);
  let x = 0;
  const drawn = parts.map(([name, value]) => {
    const piece = ["rect", { class: total > whole ? "over" : name, x, y: 0, width: value * scale, height: 10 }];
    x += value * scale;
    return piece;
  });
  return ["svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": title }, ["title", {}, title], ...drawn];
}

const limited = (used, limit) => (limit ? `${count(used)} / ${count(limit)}` : count(used));

// -- sections --

export function figures({ byDay, keys, nowMs }) {
  const today = byDay.rows.find((row) => row.day === dayOf(nowMs)) ?? { cost_usd: "0", requests: 0, attempts: 0, usage: null };
  const ready = keys.filter((key) => key.is_available).length;
  const shown = [
    [usd(today.cost_usd), "spent today (UTC)"],
    [usd(byDay.total.cost_usd), "spent in 30 days"],
    [count(today.requests), "calls today"],
    [today.requests ? (today.attempts / today.requests).toFixed(2) : "-", "attempts a call today"],
    [today.usage ? count(sumOf(today.usage, READ)) : "0", "tokens read today"],
    [today.usage ? count(sumOf(today.usage, WRITTEN)) : "0", "tokens written today"],
    [`${ready} / ${keys.length}`, "provider keys that take calls"],
  ];
  return ["div", { class: "figures" }, ...shown.map(([value, name]) => ["div", { class: "figure" }, ["b", {}, value], ["span", {}, name]])];
}

export function days({ byDay, nowMs, length = 30 }) {
  const costs = new Map(byDay.rows.map((row) => [row.day, row]));
  const shown = Array.from({ length }, (_, back) => dayOf(nowMs - (length - 1 - back) * 86_400_000));
  const most = Math.max(...shown.map((day) => Number(costs.get(day)?.cost_usd ?? 0)));
  const columns = shown.flatMap((day, place) => {
    const row = costs.get(day);
    const height = most ? (Number(row?.cost_usd ?? 0) / most) * 96 : 0;
    const title = ["title", {}, `${day}: ${usd(row?.cost_usd ?? "0")}, ${count(row?.requests ?? 0)} calls`];
    return [
      ["rect", { class: "used", x: place * 10 + 1, y: 100 - height, width: 8, height }],
      ["rect", { class: "days-hover", x: place * 10, y: 0, width: 10, height: 100 }, title],
    ];
  });
  const drawing = ["svg", { class: "days", viewBox: `0 0 ${length * 10} 100`, preserveAspectRatio: "none", role: "img", "aria-label": "Spent a day" }, ...columns];
  return ["div", {}, drawing, ["div", { class: "axis" }, ["span", {}, shown[0]], ["span", {}, `at most ${usd(most)} a day`], ["span", {}, shown[length - 1]]]];
}

export function budgets({ budgets, nowMs }) {
  const rows = budgets.map((budget) => {
    const [limit, used, held] = [budget.limit_usd, budget.used_usd, budget.held_usd].map(Number);
    const title = `${usd(used)} used and ${usd(held)} held by open calls, of ${usd(limit)}`;
    return [
      "tr", {},
      text(budget.name), ["td", {}, budget.period], ["td", {}, budget.is_hard ? "hard" : "soft"],
      number(usd(used)), number(usd(held)), number(usd(budget.left_usd)), number(usd(limit)),
      ["td", {}, bar(limit, [["used", used], ["held", held]], title)],
      ["td", {}, budget.resets_at === null ? "never" : `in ${seconds(Math.max(budget.resets_at - nowMs / 1000, 0))}`],
    ];
  });
  return table(["budget", "period", "", ">used", ">held", ">left", ">limit", "", "resets"], rows, "No budget is configured.");
}

const MOODS = { ready: "good", half_open: "wait", cooling: "wait", open: "bad", dead: "bad", removed: "faint", exhausted: "bad", denied: "bad" };

export function keys({ keys }) {
  const rows = keys.map((key) => {
    const wait = Math.max(key.cool_down_s, key.failure_cool_down_s);
    const troubled = key.models.filter((model) => model.state !== "ready").map((model) => `${model.model}: ${model.state}`);
    const revive = ["button", { type: "button", "data-do": "revive", "data-provider": key.provider, "data-label": key.label }, "Revive"];
    return [
      "tr", {},
      text(`${key.provider}/${key.label}`), text(key.group === key.label ? "" : key.group),
      ["td", {}, state(key.state, MOODS[key.state] ?? "faint"), wait ? ` ${seconds(wait)}` : ""],
      text(troubled.join(", ")),
      number(limited(key.in_flight, key.max_concurrency)), number(limited(key.rpm_used, key.rpm_limit)), number(limited(key.tpm_used, key.tpm_limit)),
      number(key.latency_ewma_s ? seconds(key.latency_ewma_s) : "-"),
      ["td", {}, ...(key.state === "ready" && !troubled.length ? [] : [revive])],
    ];
  });
  return table(["key", "group", "state", "models at rest", ">in flight", ">requests a minute", ">tokens a minute", ">latency", ""], rows, "There is no provider key.");
}

export function spending({ by, usage }) {
  const columns = by.split(",");
  const most = Math.max(...usage.rows.map((row) => Number(row.cost_usd)), 0);
  const ordered = by.includes("day") ? usage.rows : usage.rows.toSorted((one, other) => Number(other.cost_usd) - Number(one.cost_usd));
  const rows = ordered.map((row) => [
    "tr", {},
    ...columns.map((column) => text(row[column] || "-")),
    number(usd(row.cost_usd)), number(count(row.requests)), number(count(row.attempts)),
    number(count(sumOf(row.usage, READ))), number(count(sumOf(row.usage, WRITTEN))),
    ["td", {}, bar(most, [["used", Number(row.cost_usd)]], usd(row.cost_usd))],
  ]);
  return table([...columns, ">cost", ">calls", ">attempts", ">tokens read", ">written", ""], rows, "Nothing was spent.");
}

const outcomeOf = (row) => state(row.outcome, row.outcome === "success" ? "good" : row.outcome === "aborted" ? "wait" : "bad");

export function requests({ requests }) {
  const rows = requests.map((row) => [
    "tr", { "data-request": row.request_id, tabindex: 0 },
    ["td", {}, momentOf(row.wall_ms)], text(row.caller || "-"), text(row.model), text(row.provider ? `${row.provider}/${row.upstream_model}` : "-"),
    ["td", {}, outcomeOf(row), ` ${row.status}`], number(String(row.attempts)), number(seconds(row.duration_ms / 1000)),
    number(count(sumOf(row.usage, READ))), number(count(sumOf(row.usage, WRITTEN))), number(usd(row.cost_usd) + (row.is_estimated ? " ~" : "")),
  ]);
  return table(["began (UTC)", "virtual key", "model", "answered by", "outcome", ">attempts", ">took", ">read", ">written", ">cost"], rows, "No call meets this.");
}

const ENTRIES = ["reserved", "settled", "voided", "adjusted"];

export function request({ id, request: row, attempts, entries }) {
  const facts = row === null ? [["state", "under way"]] : [
    ["began", `${momentOf(row.wall_ms)} UTC`], ["took", seconds(row.duration_ms / 1000)], ["outcome", `${row.outcome}, ${row.status}`],
    ["virtual key", row.caller || "-"], ["asked", `${row.operation} of ${row.model} in ${row.protocol}${row.is_stream ? ", as a stream" : ""}`],
    ["cost", `$${row.cost_usd}${row.is_estimated ? ", estimated" : ""}`], ["tags", row.tags || "-"], ["session", row.session || "-"],
    ...row.loss.map((loss) => [`lost (${loss.kind})`, `${loss.path}: ${loss.detail}`]),
  ];
  const tried = attempts.map((one) => [
    "tr", {},
    ["td", {}, String(one.attempt)], text(`${one.provider}/${one.model}`), text(one.key), ["td", {}, one.verdict + (one.status ? ` ${one.status}` : "")],
    text(one.error || "-"), number(seconds(one.duration_ms / 1000)), number(one.first_byte_ms < 0 ? "-" : seconds(one.first_byte_ms / 1000)),
    number(count(sumOf(one.usage, READ))), number(count(sumOf(one.usage, WRITTEN))), number(`$${one.cost_usd}`), text(one.upstream_request_id || "-"),
  ]);
  const moved = entries.map((one) => ["tr", {}, ["td", {}, String(one.attempt)], ["td", {}, ENTRIES[one.kind]], text(one.budget), ["td", {}, one.period], number(`$${one.amount_usd}`)]);
  return [
    "div", {}, ["h2", {}, id], ["dl", {}, ...facts.flatMap(([name, value]) => [["dt", {}, name], ["dd", {}, value]])],
    ["h2", {}, "Attempts"], table(["", "target", "key", "verdict", "error", ">took", ">first byte", ">read", ">written", ">cost", "provider's id"], tried, "No attempt is on record."),
    ["h2", {}, "In the budgets"], table(["attempt", "", "budget", "period", ">amount"], moved, "It drew on no budget."),
  ];
}

export function virtualKeys({ virtual_keys, has_more }) {
  const rows = virtual_keys.map((key) => [
    "tr", {},
    text(key.name), ["td", {}, state(key.state, key.state === "active" ? "good" : "bad")], ["td", {}, key.source], text(key.models.join(", ") || "all"),
    number(key.rpm ? count(key.rpm) : "-"), number(key.tpm ? count(key.tpm) : "-"), number(key.max_concurrency ? count(key.max_concurrency) : "-"),
    text([...key.budgets, ...(key.budget ? [`${usd(key.budget.limit_usd)} a ${key.budget.period}`] : [])].join(", ") || "-"),
    ["td", {}, key.expires_at === null ? "never" : dayOf(key.expires_at * 1000)],
  ]);
  const shown = table(["virtual key", "state", "source", "models", ">rpm", ">tpm", ">at once", "budgets", "expires"], rows, "There is no virtual key.");
  return has_more ? ["div", {}, shown, faint("There are more: omnillm keys list shows them all.")] : shown;
}
