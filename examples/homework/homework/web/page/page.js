// The page: what the API gives, drawn; what the person does, sent. No library, no build step.

import { begin } from "/account.js";
import { ask, byId, element, keepOpen, say, tableRow, time } from "/server.js";

const NEWS_SHOWN = 30;
const FIRST_PROGRESS_MS = 500;
const MOST_PROGRESS_MS = 5000;
const QUEUES = ["notification", "email", "schedule", "report"];

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
  let waitMs = FIRST_PROGRESS_MS;
  while (!report.pdf) {
    if (["failed", "canceled", "stopped"].includes(report.status)) throw new Error(`its job ${report.status}`);
    byId("progress").value = report.progress;
    say("report-said", report.status === "started" ? "It is being written …" : "It waits for a worker …");
    await new Promise((done) => setTimeout(done, waitMs));
    waitMs = Math.min(waitMs * 1.3, MOST_PROGRESS_MS);
    report = await ask(`/api/reports/${report.id}`);
  }
}

// The queues

function showQueues({ stats }) {
  byId("queues").replaceChildren(...QUEUES.map((name) => tableRow(name, ["waiting", "active", "completed"].map((each) =>
    element("td", stats[name][each].toLocaleString(), each !== "completed" && stats[name][each] ? "busy" : "")))));
}

// Who is here sees this; what somebody else has seen goes.

let sockets = [];

function enter(user) {
  sockets = [keepOpen(() => "/ws/queues", showQueues)];
  if (user.role === "admin") return;
  const path = () => (lastSeen === null ? "/ws" : `/ws?after=${lastSeen}`);
  sockets.push(keepOpen(path, showNews, linked));
  showHomework().catch((error) => say("said", `Your homework cannot be shown: ${error.message}`, true));
}

function leave() {
  for (const close of sockets) close();
  sockets = [];
  lastSeen = null;
  for (const each of ["homework", "notifications", "queues"]) byId(each).replaceChildren();
  for (const each of ["said", "report-said"]) say(each, "");
  byId("pdf").hidden = true;
  linked(false);
}

begin(enter, leave);
