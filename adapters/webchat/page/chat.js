// The chat page. It only builds elements and sets text: nothing that came from the network is ever read as markup.
"use strict";

const WORDS = {
  fr: {
    skip: "Aller à la saisie",
    languages: "Langue",
    log: "Conversation",
    label: "Votre message",
    send: "Envoyer",
    hint: "Entrée pour envoyer, Maj + Entrée pour aller à la ligne.",
    waiting: "Une réponse arrive…",
    commands: "Que demander ?",
    leave: "Quitter",
    leave_why: "Les messages de cette conversation seront effacés ici. Un vote déjà déposé reste compté.",
    leave_now: "Effacer et quitter",
    left: "La conversation a été effacée.",
    again: "Nouvelle conversation",
    you: "Vous : ",
    table: "Tableau",
    lost: "Connexion perdue. Nouvel essai en cours…",
    restored: "Connexion rétablie.",
    ended: "La session a pris fin. Une nouvelle conversation commence.",
    not_sent: "Non envoyé.",
    retry: "Réessayer",
    unreachable: "Le service ne répond pas. Réessayez dans un instant.",
    erased: "Message effacé à la clôture.",
  },
  en: {
    skip: "Skip to the message field",
    languages: "Language",
    log: "Conversation",
    label: "Your message",
    send: "Send",
    hint: "Enter to send, Shift + Enter for a new line.",
    waiting: "An answer is on its way…",
    commands: "What to ask?",
    leave: "Leave",
    leave_why: "The messages of this conversation will be erased here. A vote that was cast stays counted.",
    leave_now: "Erase and leave",
    left: "The conversation was erased.",
    again: "New conversation",
    you: "You: ",
    table: "Table",
    lost: "Connection lost. Trying again…",
    restored: "Connection restored.",
    ended: "The session has ended. A new conversation begins.",
    not_sent: "Not sent.",
    retry: "Try again",
    unreachable: "The service does not answer. Try again in a moment.",
    erased: "Message erased at closing.",
  },
};

const OWN_KEY = "crieur-own-messages";
const LOCALE_KEY = "crieur-locale";
const RECONNECT_MS_MIN = 2000;
const RECONNECT_MS_MAX = 30000;
const RESTORED_SHOWN_MS = 4000;
const WAITING_SHOWN_MS = 20000;
/** Closer than this to the end counts as reading along. */
const NEAR_END_PX = 120;
/** Messages that come within this time of each other are one answer. */
const ANSWER_MS_MAX = 5000;

const find = (id) => document.getElementById(id);
const [log, scroll, form, field, status, waiting] = ["log", "scroll", "form", "text", "status", "waiting"].map(find);

let about = { title: "", locale: "fr", commands: { fr: [], en: [] } };
let locale = chosenLocale();
let csrf = "";
let stream = null;
/** Number of the last event shown. */
let last = 0;
let ready = false;
let lost = false;
let reconnectMs = RECONNECT_MS_MIN;
let reconnectTimer = 0;
let statusTimer = 0;
let waitingTimer = 0;
/** What this visitor wrote in this tab: `{session, id, after, text, failed}`. The server keeps no copy for the page. */
let own = recall();

// Elements -----------------------------------------------------------------------------------------------------------

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function words(name) {
  return WORDS[locale][name];
}

/** Keeps French punctuation from beginning a line. */
function typeset(text) {
  return text.replace(/ ([?!:;»])/g, "\u00a0$1").replace(/« /g, "«\u00a0");
}

/** A link only where a browser may safely follow it. */
function safeLink(url) {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

function spans(text) {
  return text.map((span) => {
    if ("strong" in span) return make("strong", {}, typeset(span.strong));
    if ("emphasis" in span) return make("em", {}, typeset(span.emphasis));
    if ("code" in span) return make("code", {}, span.code);
    if ("link" in span) {
      const url = safeLink(span.link.url);
      return url ? make("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, span.link.label) : span.link.label;
    }
    return typeset(span.plain || "");
  });
}

function block(content) {
  switch (content.block) {
    case "heading":
      return make("h2", {}, ...spans(content.text));
    case "list":
      return make(content.ordered ? "ol" : "ul", {}, ...content.items.map((item) => make("li", {}, ...spans(item))));
    case "table":
      return table(content.table);
    default:
      return make("p", {}, ...spans(content.text || []));
  }
}

function table({ header, rows }) {
  const head = make("tr", {}, ...header.map((cell) => make("th", { scope: "col" }, cell)));
  const body = rows.map((row) =>
    make("tr", {}, ...row.map((cell, index) => make(index ? "td" : "th", index ? {} : { scope: "row" }, cell))));
  return make("div", { class: "table" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function contents(message) {
  if (message.erased) return [make("p", {}, words("erased"))];
  const parts = (message.blocks || []).map(block);
  if (message.picture) {
    const picture = make("img", { src: message.picture.url, alt: message.picture.alternative });
    picture.addEventListener("load", settle);
    parts.push(picture);
  }
  if (message.file) parts.push(make("a", { class: "file", href: message.file.url, download: "" }, message.file.label));
  const buttons = message.buttons || [];
  const answers = buttons.filter((button) => !button.step);
  const anyChosen = answers.some((button) => button.chosen);
  const press = (button) => make(
    "button",
    {
      type: "button",
      "data-action": button.action,
      "aria-pressed": button.step ? (button.chosen ? "true" : null) : anyChosen ? String(button.chosen) : null,
      onclick: (event) => pressed(event.currentTarget, button.action),
    },
    make("span", { class: "tick", "aria-hidden": "true" }),
    typeset(button.label),
  );
  if (answers.length) parts.push(make("div", { class: "choices" }, ...answers.map(press)));
  const steps = buttons.filter((button) => button.step);
  if (steps.length) parts.push(make("div", { class: "steps" }, ...steps.map(press)));
  return parts;
}

// The list -----------------------------------------------------------------------------------------------------------

/** Puts an item where it belongs: after the events and own messages that came before it. */
function place(item, number, rank) {
  item.dataset.number = number;
  item.dataset.rank = rank;
  let before = null;
  for (let other = log.lastElementChild; other; other = other.previousElementSibling) {
    const [otherNumber, otherRank] = [Number(other.dataset.number), Number(other.dataset.rank)];
    if (otherNumber < number || (otherNumber === number && otherRank <= rank)) break;
    before = other;
  }
  log.insertBefore(item, before);
}

function itemOf(id) {
  return log.querySelector(`[data-message="${CSS.escape(id)}"]`);
}

function dress(item, message) {
  item.className = "message";
  item.classList.toggle("erased", Boolean(message.erased));
  item.classList.toggle("wide", Boolean(message.picture));
  if (message.locale) item.lang = message.locale;
  item.replaceChildren(...contents(message));
  for (const wide of item.querySelectorAll(".table")) {
    // What scrolls must be reachable by keyboard.
    if (wide.scrollWidth > wide.clientWidth) {
      wide.tabIndex = 0;
      wide.setAttribute("role", "region");
      wide.setAttribute("aria-label", words("table"));
    }
  }
}

function showMessage(message) {
  if (itemOf(message.id)) return showEdit(message);
  const item = make("div", { "data-message": message.id, "aria-atomic": "true" });
  place(item, Number(message.id), 0);
  dress(item, message);
  if (ready) {
    item.classList.add("new");
    follow(item);
  }
}

function showEdit(message) {
  const item = itemOf(message.id);
  if (!item) return showMessage(message);
  const focused = item.contains(document.activeElement) ? document.activeElement : null;
  const index = focused ? [...item.querySelectorAll("button")].indexOf(focused) : -1;
  // Busy while it changes, so that a screen reader says the new message once, as a whole.
  item.setAttribute("aria-busy", "true");
  dress(item, message);
  item.removeAttribute("aria-busy");
  if (focused) {
    const buttons = [...item.querySelectorAll("button")];
    const same = buttons.find((button) => button.dataset.action === focused.dataset.action) || buttons[index];
    if (!same) item.tabIndex = -1;
    (same || item).focus({ preventScroll: true });
  }
  if (item === log.lastElementChild) settle();
}

function removeMessage(id) {
  const item = itemOf(id);
  if (!item) return;
  if (item.contains(document.activeElement)) field.focus({ preventScroll: true });
  item.remove();
}

function showOwn(message) {
  const item = make("div", { class: "message own", id: `own-${message.id}` });
  place(item, message.after, 1);
  dressOwn(item, message);
  return item;
}

function dressOwn(item, message) {
  item.replaceChildren(make("span", { class: "unseen" }, words("you")), message.text);
  item.classList.toggle("failed", Boolean(message.failed));
  if (message.failed) {
    const why = message.why || words("not_sent");
    item.append(
      make("span", { class: "problem" }, why),
      make("button", { type: "button", class: "retry", onclick: () => deliver(message) }, words("retry")),
    );
  }
}

/** The reader is at the end and wants to see what comes; scrolling up ends that. */
let following = true;
let scrolledTo = 0;
/** The first message of the latest answer, which must stay in sight when more follow. */
let anchor = null;
let anchoredAt = 0;

scroll.addEventListener("scroll", () => {
  const left = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight;
  if (left < NEAR_END_PX) following = true;
  else if (scroll.scrollTop < scrolledTo - 1) following = false;
  scrolledTo = scroll.scrollTop;
}, { passive: true });

/** Goes to the end, but not past the beginning of the latest answer. */
function settle() {
  if (!following) return;
  const end = scroll.scrollHeight - scroll.clientHeight;
  const top = anchor && anchor.isConnected ? anchor.offsetTop - scroll.offsetTop - 12 : end;
  scroll.scrollTop = Math.min(end, top);
}

function follow(item) {
  if (!anchor || !anchor.isConnected || Date.now() - anchoredAt > ANSWER_MS_MAX) {
    anchor = item;
    anchoredAt = Date.now();
  }
  settle();
}

/** The visitor did something: what comes next is the answer. */
function expectFollowing() {
  following = true;
  anchor = null;
  settle();
}

addEventListener("resize", settle);

// Speaking to the service --------------------------------------------------------------------------------------------

class Refused extends Error {
  constructor(response, error) {
    super(error.code);
    this.status = response.status;
    this.error = error;
  }

  get words() {
    return this.error[`message_${locale}`] || words("unreachable");
  }
}

async function call(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const response = await fetch(path, {
    method,
    headers,
    credentials: "same-origin",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response, answer.error || {});
  return answer;
}

function reason(error) {
  return error instanceof Refused ? error.words : words("unreachable");
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Opens the session of this browser, or finds it again. What was written in another session is forgotten. */
async function openSession() {
  csrf = "";
  const before = own.length ? own[0].session : null;
  const answer = await call("POST", "webchat/sessions", { cookie: true, locale });
  csrf = answer.csrf;
  if (before !== csrf) forget();
}

async function deliver(message) {
  const item = find(`own-${message.id}`) || showOwn(message);
  Object.assign(message, { failed: false, why: null });
  dressOwn(item, message);
  const before = last;
  try {
    // The same id counts once, however often it is sent.
    await call("POST", "webchat/messages", { text: message.text, id: message.id });
    expectAnswer(before);
  } catch (error) {
    if (error.status === 401) return startAnew();
    Object.assign(message, { failed: true, why: reason(error) });
    dressOwn(item, message);
    settle();
  }
  remember();
}

async function pressed(button, action) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  const before = last;
  expectFollowing();
  try {
    await call("POST", "webchat/messages", { action, id: randomId() });
    expectAnswer(before);
  } catch (error) {
    if (error.status === 401) return startAnew();
    say(reason(error));
  }
  button.removeAttribute("aria-disabled");
}

/** Says that an answer is coming, unless it was faster than the receipt. */
function expectAnswer(before) {
  if (last > before) return;
  clearTimeout(waitingTimer);
  waiting.hidden = false;
  settle();
  waitingTimer = setTimeout(() => { waiting.hidden = true; }, WAITING_SHOWN_MS);
}

function listen() {
  clearTimeout(reconnectTimer);
  if (stream) stream.close();
  stream = new EventSource(`webchat/events?after=${last}`);
  const on = (name, show) => stream.addEventListener(name, (event) => {
    const number = Number(event.lastEventId);
    if (number) last = Math.max(last, number);
    clearTimeout(waitingTimer);
    waiting.hidden = true;
    show(JSON.parse(event.data));
  });
  on("message", showMessage);
  on("edit", showEdit);
  on("delete", ({ id }) => removeMessage(id));
  stream.addEventListener("ready", caughtUp);
  stream.addEventListener("open", () => {
    reconnectMs = RECONNECT_MS_MIN;
    if (lost) say(words("restored"), true);
    lost = false;
  });
  stream.addEventListener("error", () => {
    if (!lost) say(words("lost"));
    lost = true;
    // A browser tries again by itself after a cut, but gives up when the service answered with an error.
    if (stream.readyState === EventSource.CLOSED) reconnect();
  });
}

function reconnect() {
  clearTimeout(reconnectTimer);
  reconnectTimer = setTimeout(async () => {
    reconnectMs = Math.min(2 * reconnectMs, RECONNECT_MS_MAX);
    try {
      await call("GET", "webchat/sessions/current");
      listen();
    } catch (error) {
      if (error.status === 401) startAnew();
      else reconnect();
    }
  }, reconnectMs);
}

/** Everything so far is shown: from now on, new messages are read aloud. */
function caughtUp() {
  if (ready) return;
  const empty = !log.querySelector("[data-message]");
  scroll.style.scrollBehavior = "auto";
  scroll.scrollTop = scroll.scrollHeight;
  scroll.style.scrollBehavior = "";
  ready = true;
  log.setAttribute("aria-live", "polite");
  if (empty) {
    // Under a fixed id, so that two tabs greet once.
    call("POST", "webchat/messages", { text: "/start", id: "start" }).then(() => expectAnswer(0), (error) => say(reason(error)));
  }
}

async function startAnew() {
  if (stream) stream.close();
  lost = false;
  say(words("ended"));
  forget();
  await start();
}

async function start() {
  ready = false;
  last = 0;
  log.setAttribute("aria-live", "off");
  log.replaceChildren();
  try {
    about = await call("GET", "webchat/about");
    translate();
    await openSession();
  } catch (error) {
    say(reason(error));
    reconnectTimer = setTimeout(start, reconnectMs);
    reconnectMs = Math.min(2 * reconnectMs, RECONNECT_MS_MAX);
    return;
  }
  own.forEach(showOwn);
  listen();
}

// Own messages, language, status -------------------------------------------------------------------------------------

function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(OWN_KEY) || "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function remember() {
  try {
    sessionStorage.setItem(OWN_KEY, JSON.stringify(own.slice(-200)));
  } catch {
    // Without storage the page only forgets what was written when it is loaded again.
  }
}

function forget() {
  own = [];
  remember();
}

function chosenLocale() {
  try {
    const kept = localStorage.getItem(LOCALE_KEY);
    if (kept in WORDS) return kept;
  } catch {
    // Not kept: the browser's languages decide.
  }
  const known = (navigator.languages || []).map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in WORDS);
  return known || "fr";
}

function translate() {
  document.documentElement.lang = locale;
  for (const element of document.querySelectorAll("[data-words]")) {
    if (element.dataset.words in WORDS[locale]) element.textContent = words(element.dataset.words);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", words(element.dataset.label));
  }
  for (const button of document.querySelectorAll("[data-locale]")) {
    button.setAttribute("aria-pressed", String(button.dataset.locale === locale));
  }
  if (about.title) {
    find("title").textContent = about.title;
    document.title = about.title;
  }
  const commands = about.commands[locale] || [];
  find("commands").hidden = commands.length === 0;
  find("commands").querySelector("ul").replaceChildren(...commands.map(({ name, summary }) => make(
    "li",
    {},
    make("button", { type: "button", onclick: () => ask(`/${name}`) }, make("strong", {}, `/${name}`), ` ${summary}`),
  )));
}

function ask(text) {
  find("commands").open = false;
  write(text);
  field.focus({ preventScroll: true });
}

function say(text, passing) {
  clearTimeout(statusTimer);
  status.textContent = text;
  status.classList.toggle("good", Boolean(passing));
  if (passing) statusTimer = setTimeout(() => { status.textContent = ""; }, RESTORED_SHOWN_MS);
}

function write(text) {
  if (!lost) status.textContent = "";
  const message = { session: csrf, id: randomId(), after: last, text, failed: false };
  own.push(message);
  remember();
  deliver(message);
  expectFollowing();
}

function fit() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

field.addEventListener("input", fit);
field.addEventListener("keydown", (event) => {
  // An Enter that ends a composition (accents, Japanese, …) belongs to the text.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (!text) return field.focus();
  field.value = "";
  fit();
  write(text);
  field.focus({ preventScroll: true });
});

for (const button of document.querySelectorAll("[data-locale]")) {
  button.addEventListener("click", () => {
    if (button.dataset.locale === locale) return;
    locale = button.dataset.locale;
    try {
      localStorage.setItem(LOCALE_KEY, locale);
    } catch {
      // Only this page then speaks it.
    }
    translate();
    // The conversation follows the page.
    if (ready) call("POST", "webchat/messages", { text: `/langue ${locale}` }).catch((error) => say(reason(error)));
  });
}

find("leave_now").addEventListener("click", async () => {
  try {
    await call("DELETE", "webchat/sessions/current");
  } catch (error) {
    if (error.status !== 401) return say(reason(error));
  }
  if (stream) stream.close();
  clearTimeout(reconnectTimer);
  forget();
  find("leave").open = false;
  for (const element of [form, find("commands"), find("leave"), waiting]) element.hidden = true;
  const again = make("button", { type: "button", onclick: () => location.reload() }, words("again"));
  log.replaceChildren(make("div", { class: "message" }, make("p", {}, words("left")), make("div", { class: "choices" }, again)));
  again.focus();
});

addEventListener("online", () => { if (lost) listen(); });

translate();
start();
