// Asks the admin API, again and again, and shows what `views.js` makes of it. Knows the admin key of this tab, if one is needed.

import * as views from "./views.js";

const SOON_MS = 5_000;
const LATER_MS = 30_000;
const DAY_MS = 86_400_000;
const KEY = "omnillm-admin-key";

const place = (id) => document.getElementById(id);

// -- trees to nodes --

function nodeOf(tree, space = "http://www.w3.org/1999/xhtml") {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, attributes, ...children] = tree;
  const inner = tag === "svg" ? "http://www.w3.org/2000/svg" : space;
  const node = document.createElementNS(inner, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.map((child) => nodeOf(child, inner)));
  return node;
}

const show = (id, tree) => place(id).replaceChildren(nodeOf(tree));

// -- the admin API --

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, query = {}, method = "GET") {
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  const key = sessionStorage.getItem(KEY);
  const reply = await fetch(`${path}${given.size ? `?${given}` : ""}`, { method, cache: "no-store", headers: key ? { authorization: `Bearer ${key}` } : {} });
  const body = await reply.json();
  if (!reply.ok) throw new Refused(reply.status, body.error.message);
  return body;
}

const asked = (id) => Object.fromEntries(new FormData(place(id)));

const since = (days) => views.dayOf(Date.now() - (days - 1) * DAY_MS);

// -- what is shown --

let keysShown = [];
let byDay = null;
let older = "";

async function showSoon() {
  const [pools, budgets] = await Promise.all([ask("admin/v1/pools"), ask("admin/v1/budgets")]);
  const nowMs = Date.now();
  keysShown = pools.keys;
  show("keys", views.keys(pools));
  show("budgets", views.budgets({ ...budgets, nowMs }));
  if (byDay) show("figures", views.figures({ byDay, keys: keysShown, nowMs }));
}

async function showLater() {
  byDay = await ask("admin/v1/usage", { group_by: "day", since: since(30) });
  const nowMs = Date.now();
  show("figures", views.figures({ byDay, keys: keysShown, nowMs }));
  show("days", views.days({ byDay, nowMs }));
  await showSpending();
  if (!older) await showRequests();
  show("virtual-keys", views.virtualKeys(await ask("admin/v1/virtual-keys", { limit: "100" })));
}

async function showSpending() {
  const { group_by, days } = asked("spending-asked");
  const usage = await ask("admin/v1/usage", { group_by, since: days && since(Number(days)) });
  show("spending", views.spending({ by: group_by, usage }));
}

async function showRequests(before = "") {
  const page = await ask("admin/v1/requests", { ...asked("requests-asked"), limit: "50", before });
  older = before;
  document.querySelector("[data-do=older]").disabled = page.next === null;
  document.querySelector("[data-do=older]").dataset.before = page.next ?? "";
  show("requests", views.requests(page));
}

async function showRequest(id) {
  show("request-shown", views.request({ id, ...(await ask(`admin/v1/requests/${encodeURIComponent(id)}`)) }));
  place("request").showModal();
}

async function showState() {
  const reply = await fetch("readyz", { cache: "no-store" });
  const { status } = await reply.json();
  show("state", ["span", { class: `state ${reply.ok ? "good" : "bad"}` }, status]);
}

// -- what is done --

const DEEDS = {
  reload: async () => notice(`Configuration: ${(await ask("admin/v1/reload", {}, "POST")).status}.`),
  leave: async () => {
    sessionStorage.removeItem(KEY);
    location.reload();
  },
  revive: async ({ provider, label }) => {
    await ask(`admin/v1/pools/${encodeURIComponent(provider)}/${encodeURIComponent(label)}/revive`, {}, "POST");
    await showSoon();
  },
  older: ({ before }) => showRequests(before),
};

function notice(words) {
  place("notice").textContent = words;
  place("notice").hidden = !words;
}

// Runs what the operator asked for; what is refused is told, and changes nothing of what is shown.
async function told(deed) {
  try {
    notice("");
    await deed();
  } catch (error) {
    notice(error.message);
  }
}

addEventListener("click", ({ target }) => {
  const button = target.closest("[data-do]");
  if (button) return told(() => DEEDS[button.dataset.do](button.dataset));
  const row = target.closest("[data-request]");
  if (row) told(() => showRequest(row.dataset.request));
});
addEventListener("keydown", ({ key, target }) => {
  if (key === "Enter" && target.dataset?.request) told(() => showRequest(target.dataset.request));
});
addEventListener("submit", (event) => {
  if (event.target.method === "dialog") return;
  event.preventDefault();
  if (event.target.id === "spending-asked") told(showSpending);
  if (event.target.id === "requests-asked") told(showRequests);
  if (event.target.id === "access") {
    sessionStorage.setItem(KEY, asked("access").key);
    event.target.reset();
    told(begin);
  }
});

// -- again and again --

// One round: whether the page may go on by itself.
async function round(isLater) {
  try {
    await showState();
    await showSoon();
    if (isLater) await showLater();
    if (document.body.classList.contains("stale")) notice("");
    document.body.classList.remove("stale");
    return true;
  } catch (error) {
    document.body.classList.add("stale");
    if (error.status === 401 || error.status === 403) {
      place("access").hidden = false;
      document.querySelector("main").hidden = true;
      if (sessionStorage.getItem(KEY) || error.status === 403) notice(error.message);
      sessionStorage.removeItem(KEY);
      return false;
    }
    notice(error instanceof Refused ? error.message : "The gateway does not answer. What is shown is from before.");
    return true;
  }
}

let timer = 0;

async function begin() {
  clearTimeout(timer);
  if (!(await round(true))) return;
  place("access").hidden = true;
  document.querySelector("main").hidden = false;
  document.querySelector("[data-do=leave]").hidden = !sessionStorage.getItem(KEY);
  let laterAt = Date.now() + LATER_MS;
  const again = async () => {
    const isLater = Date.now() >= laterAt;
    if (isLater) laterAt = Date.now() + LATER_MS;
    if (document.hidden || (await round(isLater))) timer = setTimeout(again, SOON_MS);
  };
  timer = setTimeout(again, SOON_MS);
}

begin();
