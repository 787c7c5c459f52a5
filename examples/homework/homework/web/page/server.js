// How the page talks to its server, and what all its parts draw with.

const LOGGED_OUT = 1008;
const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 30_000;

export const byId = (id) => document.getElementById(id);

// Tells of every `answer`, with its headers; of one that was `denied`, with when to try again; that
// somebody is `logged-out`; and that it is in `doubt` whether somebody is.
export const server = new EventTarget();
const tell = (what, detail) => server.dispatchEvent(new CustomEvent(what, { detail }));

export async function ask(path, method = "GET", body = undefined) {
  const answer = await fetch(path, {
    method,
    body: body && JSON.stringify(body),
    headers: body && { "content-type": "application/json" },
  });
  const found = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  tell("answer", answer.headers);
  if (answer.ok) return found;
  if (answer.status === 429) tell("denied", found.reset);
  if (answer.status === 401) tell("logged-out");
  throw new Error(found.error);
}

// Keeps a socket open until what it gives is called.
export function keepOpen(pathOf, seen, linked = () => {}) {
  let waitMs = FIRST_WAIT_MS;
  let isWanted = true;
  let socket, timer;
  function open() {
    let wasOpen = false;
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${pathOf()}`);
    socket.addEventListener("open", () => {
      wasOpen = true;
      waitMs = FIRST_WAIT_MS;
      linked(true);
    });
    socket.addEventListener("message", ({ data }) => seen(JSON.parse(data)));
    socket.addEventListener("close", ({ code }) => {
      if (!isWanted) return;
      linked(false);
      // A browser does not tell why a socket could not be opened.
      if (code === LOGGED_OUT || !wasOpen) tell("doubt");
      timer = setTimeout(open, waitMs * (0.5 + Math.random()));
      waitMs = Math.min(waitMs * 2, MOST_WAIT_MS);
    });
  }
  open();
  return () => {
    isWanted = false;
    clearTimeout(timer);
    socket.close();
  };
}

export function say(where, words, bad = false) {
  byId(where).textContent = words;
  byId(where).classList.toggle("bad", bad);
}

export function element(name, text = "", kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = kind;
  return made;
}

export function time(text, style = undefined) {
  const moment = new Date(text);
  const isToday = moment.toDateString() === new Date().toDateString();
  style ??= isToday ? { timeStyle: "short" } : { dateStyle: "medium" };
  const made = element("time", moment.toLocaleString([], style));
  made.dateTime = text;
  return made;
}

export function tableRow(name, cells) {
  const made = element("tr");
  const head = element("th", name);
  head.scope = "row";
  made.append(head, ...cells);
  return made;
}
