// The page of the local chat.
//
// Three laws. What somebody typed stays on the page until the service has answered 204, which it
// does only after it is kept; until then it can be sent again, under the same id, which the
// service recognises. Words are put on the page as text, never as HTML. Nothing is stored in the
// browser: the conversation is found by a cookie that this script cannot read.

const strings = JSON.parse(byId("strings").textContent);
const LONGEST = 16 * 1024; // bytes of UTF-8; the service refuses more
const LARGEST_FILE = 20 * 1024 * 1024;
const NAMES = { ar: "العربية", en: "English" };
const NEAR = 80; // pixels from where we left the list: still following it

const page = {
  language: document.documentElement.lang,
  mark: "", // which conversation is shown
  place: "", // how far it is shown
  run: "", // which run of the service `place` belongs to
  told: "", // the language the service last spoke in
  lost: false, // the service knows the conversation but has nothing of it to show
  stream: null,
  waiting: [], // what is not kept yet, in order
  sending: false,
  rested: 0, // where the list was last scrolled to by us
  interrupted: false, // the notice says so
  byKeyboard: false, // the last button was pressed without a pointer
};
const log = byId("log");
const words = byId("words");

function byId(id) {
  return document.getElementById(id);
}

function say(key) {
  return strings[page.language][key];
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- Language and direction -------------------------------------------------------------------

function speak(language) {
  if (!strings[language]) return;
  page.language = language;
  document.documentElement.lang = language;
  document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = say(element.dataset.text);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  words.placeholder = say(words.dataset.placeholder);
  const other = byId("language");
  other.lang = otherLanguage();
  other.textContent = NAMES[other.lang];
}

function otherLanguage() {
  return page.language === "ar" ? "en" : "ar";
}

// The direction of one line is that of its first strong letter. Letters inside isolates do not
// count: an inserted name must not turn the sentence around it.
const ISOLATED = /[\u2066-\u2068][^\u2066-\u2069]*(\u2069|$)/g;
const STRONG = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|(\p{L})/u;

function directionOf(line, otherwise) {
  const found = line.replace(ISOLATED, "").replace(/[\u0660-\u0669\u06f0-\u06f9]/g, "").match(STRONG);
  if (!found) return otherwise;
  return found[1] ? "ltr" : "rtl";
}

function putLines(element, text, language) {
  const direction = { ar: "rtl", en: "ltr" };
  const otherwise = direction[language] ?? document.documentElement.dir;
  const lines = text.split("\n").map((line) => {
    const shown = make("span", "line", line);
    shown.dir = directionOf(line, otherwise);
    return shown;
  });
  element.replaceChildren(...lines);
}

// --- Bubbles ----------------------------------------------------------------------------------

function bubble(text, language, speaker) {
  const element = make("div", "bubble");
  element.dir = "auto";
  const body = make("div", "text");
  putLines(body, text, language);
  element.append(make("span", "spoken", `${speaker}: `), body);
  return element;
}

function foot(at, state) {
  const element = make("div", "foot");
  const time = make("time", "", new Date(at).toLocaleTimeString(`${page.language}-u-nu-latn`, {
    hour: "2-digit", minute: "2-digit", hour12: false,
  }));
  time.dateTime = at;
  time.dir = "ltr";
  element.append(time);
  if (state === "kept") element.append(tick());
  if (state) element.append(make("span", state === "kept" ? "spoken" : "", say(state)));
  return element;
}

function tick() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "tick");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", "M4 13l5 5L20 6");
  svg.append(path);
  return svg;
}

function answers(message, labelledBy) {
  const group = make("div", "answers");
  group.setAttribute("role", "group");
  group.setAttribute("aria-labelledby", labelledBy);
  for (const row of message.buttons) {
    const line = make("div", "row");
    for (const [label, data] of row) line.append(answer(message, label, data));
    group.append(line);
  }
  return group;
}

function answer(message, label, data) {
  const button = make("button", "", label);
  button.type = "button";
  button.dir = "auto";
  button.dataset.data = data;
  button.addEventListener("click", (event) => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    page.byKeyboard = event.detail === 0;
    send({ kind: "button", text: "", button: data, message: message.id, label, pressed: button });
  });
  return button;
}

// Shows a message, new or changed. What is shown already is changed in place: a screen reader
// that heard it once need not hear it again.
function show(message) {
  const old = find(message.id);
  if (old) return { element: old, isNew: false, held: renew(old, message) };
  const element = draw(message);
  place(element);
  return { element, isNew: message.side === "service", held: false };
}

function draw(message) {
  const element = make("div", `message ${message.side}`);
  const ours = message.side === "service";
  const shown = bubble(message.text, message.language, say(ours ? "name" : "you"));
  shown.querySelector(".text").id = `text-${message.id}`;
  shown.append(foot(message.at, ours ? "" : "kept"));
  element.dataset.id = message.id;
  element.dataset.order = message.order;
  element.message = message;
  element.append(shown);
  drawAnswers(element, message);
  return element;
}

// Returns whether the focus stood on something that is no longer there.
function renew(element, message) {
  if (element.dataset.waiting) showKept(element, message.at);
  element.dataset.order = message.order;
  if (element.message && element.message.text !== message.text) {
    putLines(element.querySelector(".text"), message.text, message.language);
  }
  const standing = element.contains(document.activeElement) ? document.activeElement : null;
  const held = standing?.dataset.data;
  element.message = message;
  drawAnswers(element, message);
  const again = held ? element.querySelector(`[data-data="${CSS.escape(held)}"]`) : null;
  again?.focus({ preventScroll: true });
  return Boolean(held) && !again;
}

function drawAnswers(element, message) {
  for (const old of element.querySelectorAll(":scope > .answers, :scope > .chosen")) old.remove();
  if (message.buttons.length) element.append(answers(message, `text-${message.id}`));
  else if (message.chosen) element.append(chosen(message));
}

function showKept(element, at) {
  delete element.dataset.waiting;
  element.querySelector(".trouble")?.remove();
  element.querySelector(".foot")?.replaceWith(foot(at, "kept"));
}

function chosen(message) {
  const element = bubble(message.chosen, message.language, say("chosen"));
  element.classList.add("chosen");
  return element;
}

function find(id) {
  return log.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

function place(element) {
  const order = Number(element.dataset.order);
  let before = log.lastElementChild;
  while (before && Number(before.dataset.order) > order && !before.dataset.waiting) {
    before = before.previousElementSibling;
  }
  if (before) before.after(element);
  else log.prepend(element);
}

// --- Where the list stands --------------------------------------------------------------------

function following() {
  const end = log.scrollHeight - log.clientHeight;
  return log.scrollTop > end - NEAR || Math.abs(log.scrollTop - page.rested) < NEAR;
}

// A long answer is to be read from its beginning, so we never scroll past the first message
// since the family last said something.
function follow() {
  const end = log.scrollHeight - log.clientHeight;
  const first = firstUnanswered();
  log.scrollTop = first ? Math.min(end, first.offsetTop - 12) : end;
  page.rested = log.scrollTop;
  offerJump();
}

function firstUnanswered() {
  let first = null;
  for (let each = log.lastElementChild; each; each = each.previousElementSibling) {
    const answered = each.querySelector(".chosen") || "answered" in each.dataset;
    if (!each.matches(".service") || answered) return first;
    first = each;
  }
  return first;
}

function offerJump() {
  byId("jump").hidden = log.scrollHeight - log.clientHeight - log.scrollTop < NEAR;
}

// What the family said leaves the page soon; that it was said still counts.
function takeOut(element) {
  if (element && !element.matches(".service")) {
    let before = element.previousElementSibling;
    while (before && !before.matches(".service")) before = before.previousElementSibling;
    if (before) before.dataset.answered = "";
  }
  element?.remove();
}

// --- What comes from the service --------------------------------------------------------------

function apply(change) {
  const follows = following();
  if (change.mark !== page.mark) clear();
  else if (change.whole && change.run === page.run) forgetShown();
  else if (change.run !== page.run) becomeOld();
  page.mark = change.mark;
  page.run = change.run;
  if (change.language !== page.told) speak(change.language);
  page.told = change.language;
  for (const id of change.gone) takeOut(find(id));
  const shown = change.messages.map(show);
  for (const note of change.notes) if (note.text) tell(note.text);
  if (follows) follow();
  else offerJump();
  welcome();
  moveFocus(shown);
}

function clear() {
  const waiting = page.waiting.map((item) => item.element).filter(Boolean);
  log.replaceChildren(...waiting);
}

function forgetShown() {
  for (const element of log.querySelectorAll(".message:not([data-waiting])")) element.remove();
}

// The service was started anew and counts from one again: what is shown stands before all of it.
function becomeOld() {
  for (const element of log.querySelectorAll(".message:not([data-waiting])")) {
    element.dataset.order = -1;
  }
}

// Somebody without a pointer who pressed a button stands on it; when it is taken away they go on
// to the next question's first button, or to the field for typing.
function moveFocus(shown) {
  if (!page.byKeyboard) return;
  const next = shown.findLast(({ element, isNew }) => isNew && element.querySelector(".row button"));
  const standing = document.activeElement;
  if (next) next.element.querySelector(".row button").focus();
  else if (shown.some(({ held }) => held) || standing === document.body) words.focus();
  if (next) page.byKeyboard = false;
}

function welcome() {
  byId("welcome").hidden = log.childElementCount > 0 || !page.mark;
  const start = byId("start");
  start.dataset.text = page.lost ? "go_on" : "start";
  start.textContent = say(start.dataset.text);
}

// Long enough to be read; what is alarming stays until it is over.
function tell(text) {
  const notice = byId("notice");
  notice.textContent = text;
  notice.className = "";
  clearTimeout(page.telling);
  page.telling = setTimeout(tellNothing, 2500 + 60 * text.length);
}

function tellNothing() {
  byId("notice").textContent = "";
  page.interrupted = false;
}

// --- What goes to the service -----------------------------------------------------------------

function send(said) {
  const item = { id: randomId(), mark: page.mark, quiet: false, message: "", ...said };
  if (item.kind === "text" && !item.quiet) item.element = showWaiting(item);
  page.waiting.push(item);
  welcome();
  follow();
  flush();
}

function showWaiting(item) {
  const element = make("div", "message family");
  element.dataset.id = item.id;
  element.dataset.waiting = "1";
  const shown = bubble(item.text, "", say("you"));
  shown.append(foot(new Date().toISOString(), "sending"));
  element.append(shown);
  log.append(element);
  return element;
}

// A place in the list for what the page itself said and could not hand over.
function showNothing() {
  const element = make("div", "message family");
  element.dataset.waiting = "1";
  log.append(element);
  return element;
}

// One at a time and in order: a later answer never overtakes an earlier one.
async function flush() {
  if (page.sending) return;
  page.sending = true;
  try {
    while (page.waiting.length && (await post(page.waiting[0]))) kept(page.waiting.shift());
  } finally {
    page.sending = false;
  }
  for (const item of page.waiting) offerAgain(item);
}

async function post(item) {
  const { id, kind, text, button, message, quiet } = item;
  const body = { id, mark: item.mark, kind, text, button: button ?? "", message, quiet };
  try {
    const answered = await ask("say", { ...body, language: page.language });
    // Another tab began a new conversation: show that one, and let the person decide.
    if (answered.status === 409) await reopen();
    item.later = answered.status === 429;
    return answered.status === 204;
  } catch {
    return false;
  }
}

function ask(what, body) {
  return fetch(what, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    redirect: "error",
    cache: "no-store",
  });
}

function kept(item) {
  item.pressed?.removeAttribute("aria-disabled");
  item.trouble?.remove();
  if (item.quiet) item.element?.remove();
  else if (item.element?.dataset.waiting) showKept(item.element, new Date().toISOString());
}

function offerAgain(item) {
  if (item.trouble?.isConnected) return;
  const trouble = make("div", "trouble");
  trouble.setAttribute("role", "alert");
  const again = make("button", "", say("again"));
  again.type = "button";
  again.addEventListener("click", () => {
    for (const each of page.waiting) withdrawOffer(each);
    words.focus();
    flush();
  });
  trouble.append(make("p", "", item.later ? say("not_now") : say("not_kept")), again);
  item.trouble = trouble;
  const home = item.pressed?.closest(".message") ?? (item.element ??= showNothing());
  home.querySelector(":scope > .bubble:not(.chosen) .foot span")?.remove();
  home.append(trouble);
  follow();
}

function withdrawOffer(item) {
  item.mark = page.mark;
  item.trouble?.remove();
  item.trouble = null;
}

// A file is not kept by the page: what is refused is said, and the file is chosen once more.
async function sendFile(file) {
  const id = randomId();
  const about = { id, mark: page.mark, type: file.type, name: file.name, language: page.language };
  tell(say("file_sending"));
  byId("attach").disabled = true;
  try {
    const answered = await fetch("file", {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream", "X-Athar-File": packed(about) },
      body: file,
      redirect: "error",
      cache: "no-store",
    });
    if (answered.status === 409) await reopen();
    const trouble = { 204: "", 413: "file_too_large", 422: "file_empty" }[answered.status];
    if (trouble === "") tellNothing();
    else tell(say(trouble ?? "file_later"));
  } catch {
    tell(say("file_later"));
  } finally {
    byId("attach").disabled = false;
    byId("attach").focus();
  }
}

// Headers carry ASCII only: the JSON travels as the base64 of its UTF-8.
function packed(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

// --- Keeping in touch -------------------------------------------------------------------------

async function open(fresh) {
  const answered = await ask("open", { language: page.language, fresh });
  // Inside a page one has to sign in to, the way back leads to its door.
  if (answered.status === 401 && byId("back")) location.replace(byId("back").href);
  if (!answered.ok) throw new Error("not opened");
  const { mark, language, lost } = await answered.json();
  if (page.mark && page.mark !== mark) {
    clear();
    page.place = "";
  }
  page.mark = mark;
  page.lost = lost;
  if (!fresh) speak(language);
}

async function reopen(fresh = false) {
  page.stream?.close();
  page.stream = null;
  try {
    await open(fresh);
    connect();
  } catch {
    interrupted();
    setTimeout(() => reopen(fresh), 3000);
  }
}

function connect() {
  page.stream?.close();
  const stream = new EventSource(`events?after=${page.place}`);
  page.stream = stream;
  stream.onopen = () => {
    if (page.interrupted) tellNothing();
    flushAfterReturn();
  };
  stream.onmessage = (event) => {
    apply(JSON.parse(event.data));
    page.place = event.lastEventId;
  };
  stream.onerror = () => {
    if (page.stream !== stream) return;
    page.returning = true;
    interrupted();
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => reopen(), 3000);
  };
}

function flushAfterReturn() {
  if (!page.returning) return;
  page.returning = false;
  for (const item of page.waiting) withdrawOffer(item);
  flush();
}

function interrupted() {
  clearTimeout(page.telling);
  page.interrupted = true;
  byId("notice").textContent = say("interrupted");
  byId("notice").className = "alert";
}

// --- Hands ------------------------------------------------------------------------------------

function grow() {
  words.style.height = "auto";
  words.style.height = `${words.scrollHeight + 2}px`;
}

function sendWords() {
  const text = words.value.trim();
  if (!text || !page.mark) return;
  if (new TextEncoder().encode(text).length > LONGEST) {
    tell(say("too_long"));
    return;
  }
  words.value = "";
  grow();
  page.byKeyboard = false;
  send({ kind: "text", text });
}

words.addEventListener("input", grow);
words.addEventListener("keydown", (event) => {
  // While letters are being composed, Enter belongs to the keyboard's own suggestions.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  sendWords();
});
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  sendWords();
  words.focus();
});
byId("attach").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", () => {
  const [file] = byId("file").files;
  byId("file").value = "";
  if (!file || !page.mark) return;
  if (file.size > LARGEST_FILE) tell(say("file_too_large"));
  else sendFile(file);
});
byId("start").addEventListener("click", (event) => {
  page.byKeyboard = event.detail === 0;
  byId("welcome").hidden = true;
  send({ kind: "text", text: "/start", quiet: true });
  if (!page.byKeyboard) words.focus({ preventScroll: true });
  else log.focus();
});
byId("language").addEventListener("click", () => {
  speak(otherLanguage());
  welcome();
  // In a talk, a language is asked for by its own name, as one would by typing it.
  if (log.childElementCount) send({ kind: "text", text: NAMES[page.language], quiet: true });
});
byId("new").addEventListener("click", () => byId("ask-new").showModal());
byId("ask-new").addEventListener("close", () => {
  if (byId("ask-new").returnValue !== "new") return;
  byId("ask-new").returnValue = "";
  page.waiting = [];
  clear();
  reopen(true);
});
byId("jump").addEventListener("click", () => {
  log.scrollTop = log.scrollHeight;
  log.focus({ preventScroll: true });
});
log.addEventListener("scroll", offerJump, { passive: true });
addEventListener("resize", () => { if (following()) follow(); });
addEventListener("beforeunload", (event) => {
  if (page.waiting.length || words.value.trim()) event.preventDefault();
});
// A browser keeps only six connections to one place; hidden tabs give theirs back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    page.stream?.close();
    page.stream = null;
  } else if (!page.stream) {
    reopen();
  }
});

speak(page.language);
reopen();
