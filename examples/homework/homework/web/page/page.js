// The page: what the API gives, drawn; what the person does, sent. No library, no build step.

const LOOK_MS = 1500;
const NEWS_SHOWN = 30;
const QUEUES = ["notification", "email", "schedule", "report"];
const byId = (id) => document.getElementById(id);

async function ask(path, method = "GET", body = undefined) {
  const answer = await fetch(path, {
    method,
    body: body && JSON.stringify(body),
    headers: body && { "content-type": "application/json" },
  });
  const found = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(found.error);
  return found;
}

function say(where, words, bad = false) {
  byId(where).textContent = words;
  byId(where).classList.toggle("bad", bad);
}

function element(name, text = "", kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = kind;
  return made;
}

function time(text) {
  const moment = new Date(text);
  const isToday = moment.toDateString() === new Date().toDateString();
  const style = isToday ? { timeStyle: "short" } : { dateStyle: "medium" };
  const made = element("time", moment.toLocaleString([], style));
  made.dateTime = text;
  return made;
}

// Homework

function row(homework, fresh = false) {
  const item = element("li", "", fresh ? "fresh" : "");
  const label = element("label");
  const box = element("input");
  box.type = "checkbox";
  box.checked = homework.done;
  box.addEventListener("change", () => tick(homework.id, box));
  label.append(box, element("span", homework.title), time(homework.created_at));
  item.append(label);
  return item;
}

function count() {
  const left = byId("homework").querySelectorAll("input:not(:checked)").length;
  byId("left").textContent = left ? `${left} to do` : "all done";
}

async function tick(id, box) {
  try {
    await ask(`/api/homework/${id}`, "PATCH", { done: box.checked });
    say("said", "");
  } catch (error) {
    box.checked = !box.checked;
    say("said", `Not kept: ${error.message}`, true);
  }
  count();
}

async function showHomework() {
  const { homework } = await ask("/api/homework");
  byId("homework").replaceChildren(...homework.map((each) => row(each)));
  count();
}

byId("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    const { homework, told } = await ask("/api/homework", "POST", { title: byId("title").value });
    byId("homework").prepend(row(homework, true));
    count();
    event.target.reset();
    say("said", told ? "Added. Your class will hear of it." : "Added, but your class could not be told.", !told);
  } catch (error) {
    say("said", `Not added: ${error.message}`, true);
  }
  button.disabled = false;
  byId("title").focus();
});

// Notifications: after the last one seen, so that none is missed when the connection was lost.

let lastSeen = null;
let waitMs = 500;

function listen() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const after = lastSeen === null ? "" : `?after=${lastSeen}`;
  const socket = new WebSocket(`${scheme}://${location.host}/ws${after}`);
  socket.addEventListener("open", () => {
    waitMs = 500;
    linked(true);
  });
  socket.addEventListener("message", ({ data }) => showNews(JSON.parse(data)));
  socket.addEventListener("close", () => {
    linked(false);
    setTimeout(listen, waitMs * (0.5 + Math.random()));
    waitMs = Math.min(waitMs * 2, 10_000);
  });
}

function linked(live) {
  byId("link").classList.toggle("live", live);
  byId("link").querySelector(".words").textContent = live ? "live" : "connecting …";
}

function showNews({ id, message, created_at: created }) {
  lastSeen = id;
  const item = element("li", message, "fresh");
  item.append(time(created));
  const list = byId("notifications");
  list.prepend(item);
  while (list.children.length > NEWS_SHOWN) list.lastChild.remove();
}

// The report

byId("report").addEventListener("click", async () => {
  byId("report").disabled = true;
  byId("pdf").hidden = true;
  byId("progress").hidden = false;
  try {
    await made(await ask("/api/reports", "POST"));
    byId("pdf").hidden = false;
    say("report-said", "It is ready.");
  } catch (error) {
    say("report-said", `No report: ${error.message}`, true);
  }
  byId("progress").hidden = true;
  byId("report").disabled = false;
});

async function made(report) {
  while (!report.pdf) {
    if (["failed", "canceled", "stopped"].includes(report.status)) throw new Error(`its job ${report.status}`);
    byId("progress").value = report.progress;
    say("report-said", report.status === "started" ? "It is being written …" : "It waits for a worker …");
    await new Promise((done) => setTimeout(done, 300));
    report = await ask(`/api/reports/${report.id}`);
  }
}

// The queues

function queueRow(name, figures) {
  const made = element("tr");
  const head = element("th", name);
  head.scope = "row";
  const cells = ["waiting", "active", "completed"].map((each) =>
    element("td", figures[each].toLocaleString(), each !== "completed" && figures[each] ? "busy" : ""));
  made.append(head, ...cells);
  return made;
}

async function showQueues() {
  if (!document.hidden) {
    try {
      const { stats } = await ask("/api/queue-stats");
      byId("queues").replaceChildren(...QUEUES.map((name) => queueRow(name, stats[name])));
    } catch {
      // The next look may have them; the dot on top says whether the server is there.
    }
  }
  setTimeout(showQueues, LOOK_MS);
}

// Who it is: a cookie, until there is a login.

function choose() {
  const chosen = /(?:^|; )student=([^;]+)/.exec(document.cookie)?.[1] ?? "student-1";
  const names = Array.from({ length: 20 }, (_, at) => `student-${at + 1}`);
  byId("student").append(...names.map((name) => new Option(name, name, false, name === chosen)));
  byId("student").addEventListener("change", ({ target }) => {
    document.cookie = `student=${target.value}; path=/; max-age=31536000; samesite=strict`;
    location.reload();
  });
}

choose();
showHomework().catch((error) => say("said", `Your homework cannot be shown: ${error.message}`, true));
listen();
showQueues();
