// Who is here: logging in and out, one's devices, one's limits.

import { ask, byId, element, say, server, tableRow, time } from "/server.js";

let user = null;
let enter, leave;

// Finds out who is logged in, then and whenever that is in doubt; calls what shows that.
export async function begin(entered, left) {
  [enter, leave] = [entered, left];
  server.addEventListener("logged-out", () => show(null));
  server.addEventListener("doubt", () => look().catch(() => {}));
  await look().catch((error) => say("log-in-said", error.message, true));
}

async function look() {
  show((await ask("/api/auth/me")).user);
}

function show(found) {
  const isOther = found?.id !== user?.id;
  byId("log-in").hidden = Boolean(found);
  byId("who").hidden = document.querySelector("main").hidden = !found;
  if (!isOther) return;
  if (user) leave();
  user = found;
  byId("limits").replaceChildren();
  byId("limits").parentElement.hidden = true;
  if (!found) return;
  const isAdmin = found.role === "admin";
  byId("name").textContent = found.id;
  byId("whose").value = "";
  byId("whose-label").hidden = !isAdmin;
  for (const each of document.querySelectorAll(".of-pupils")) each.hidden = isAdmin;
  showDevices();
  enter(found);
}

byId("log-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  const given = { name: byId("user").value, password: byId("password").value, remember: byId("remember").checked };
  try {
    show((await ask("/api/auth/login", "POST", given)).user);
    event.target.reset();
    say("log-in-said", "");
  } catch (error) {
    say("log-in-said", `Not logged in: ${error.message}`, true);
  }
  button.disabled = false;
});

async function end(path) {
  try {
    return await ask(path, "DELETE");
  } catch (error) {
    say("devices-said", `Not logged out: ${error.message}`, true);
    return null;
  }
}

async function endAll(path) {
  if (await end(path)) show(null);
}

byId("log-out").addEventListener("click", () => endAll("/api/auth/session"));
byId("all-out").addEventListener("click", () => endAll("/api/auth/sessions"));
byId("others-out").addEventListener("click", async () => {
  const answer = await end("/api/auth/sessions?stay=here");
  if (!answer) return;
  await showDevices();
  say("devices-said", answer.ended ? `Logged out of ${answer.ended} more.` : "You are logged in nowhere else.");
});

// Devices

const KINDS = { desktop: "Computer", mobile: "Phone", tablet: "Tablet", bot: "Program", other: "Device" };

function browserOf(agent) {
  const found = /(Firefox|Edg|OPR|Chrome|Safari)/.exec(agent)?.[1];
  return { Edg: "Edge", OPR: "Opera" }[found] ?? found ?? (agent.split("/")[0] || "unknown program");
}

function deviceRow(device) {
  const item = element("li");
  const words = element("span", `${KINDS[device.type]}, ${browserOf(device.agent)}, from ${device.address}`);
  words.title = device.agent;
  if (device.last_activity) words.append(" · ", time(device.last_activity));
  if (device.remembered) words.append(" · remembered");
  item.append(words);
  if (device.here) {
    item.append(element("span", "here", "pill"));
    return item;
  }
  const button = element("button", "Log out", "quiet");
  button.addEventListener("click", async () => {
    if (await end(`/api/auth/devices/${device.handle}`)) showDevices();
  });
  item.append(button);
  return item;
}

async function showDevices() {
  try {
    const { devices } = await ask("/api/auth/devices");
    byId("devices").replaceChildren(...devices.map(deviceRow));
    say("devices-said", "");
  } catch (error) {
    say("devices-said", `Your devices cannot be shown: ${error.message}`, true);
  }
}

// Limits: the nearest one as every answer tells, all of them on request.

server.addEventListener("answer", ({ detail: headers }) => {
  const most = headers.get("x-ratelimit-limit");
  if (!most) return;
  const name = /^"([^"]+)"/.exec(headers.get("ratelimit"))?.[1];
  byId("remaining").textContent = `${name}: ${headers.get("x-ratelimit-remaining")} of ${most} left`;
});

let untilFree = 0;

server.addEventListener("denied", ({ detail: reset }) => {
  const note = byId("limited");
  note.replaceChildren("That was a lot in a short time. It goes on at ", time(reset, { timeStyle: "medium" }), ".");
  note.hidden = false;
  clearTimeout(untilFree);
  untilFree = setTimeout(() => { note.hidden = true; }, Math.max(new Date(reset) - Date.now(), 1000));
});

byId("ask-limits").addEventListener("submit", async (event) => {
  event.preventDefault();
  const whose = byId("whose").value || user.id;
  try {
    const { limits } = await ask(`/api/rate-limit-status?userId=${encodeURIComponent(whose)}`);
    byId("limits").replaceChildren(...limits.map((each) =>
      tableRow(each.limit, [element("td", each.window), element("td", `${each.remaining} of ${each.max}`)])));
    byId("limits").parentElement.hidden = false;
    say("limits-said", "");
  } catch (error) {
    say("limits-said", `The limits cannot be shown: ${error.message}`, true);
  }
});
