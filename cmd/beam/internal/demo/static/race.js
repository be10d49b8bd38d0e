// The race: one request to reset, all writes at once, one request to count.
"use strict";

const race = document.getElementById("race");
const start = document.getElementById("start");
const result = document.getElementById("result");
const kept = document.getElementById("kept");
const counter = document.getElementById("counter");
const cells = document.getElementById("cells");
const of = Number(race.dataset.of);

const cell = new Map();

function nameOf(i) {
  return "w" + String(i).padStart(2, "0");
}

for (let i = 0; i < of; i++) {
  const span = document.createElement("span");
  cell.set(nameOf(i), span);
  cells.append(span);
}

// send rejects unless the request succeeds, so that a failed write does not count as lost.
async function send(path, body) {
  const answer = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    body: body === undefined ? undefined : new URLSearchParams(body),
    signal: AbortSignal.timeout(30000),
  });
  if (!answer.ok) {
    throw new Error(`${path} returned status ${answer.status}`);
  }
  return answer;
}

async function write(name) {
  await send("/race/write", { writer: name });
  cell.get(name).className = "sent";
}

// count shows what the session contains, not what was sent. The cell of a lost write stays
// empty.
async function count() {
  const end = await (await send("/race/result")).json();
  for (const name of end.kept) {
    cell.get(name)?.classList.add("done");
  }
  kept.textContent = end.kept.length;
  counter.textContent = end.counter;
  return `${end.kept.length} of ${end.of} writes kept, and the counter says ${end.counter}.`;
}

async function run() {
  for (const span of cell.values()) {
    span.className = "";
  }
  kept.textContent = counter.textContent = "0";
  await send("/race/reset", {});
  const begin = performance.now();
  await Promise.all(Array.from({ length: of }, (_, i) => write(nameOf(i))));
  const took = Math.round(performance.now() - begin);
  return `${await count()} It took ${took} milliseconds.`;
}

start.addEventListener("click", async () => {
  // Unlike disabled, aria-disabled keeps the keyboard focus on the button.
  if (start.getAttribute("aria-disabled") === "true") {
    return;
  }
  start.setAttribute("aria-disabled", "true");
  result.textContent = "Racing …";
  race.classList.remove("failed");
  try {
    result.textContent = await run();
  } catch (err) {
    race.classList.add("failed");
    result.textContent = `The race did not finish: ${err.message}.`;
  }
  start.removeAttribute("aria-disabled");
  start.textContent = "Race again";
});

start.hidden = false;
if (kept.textContent !== "0") {
  count().catch(() => {}); // the page already shows the numbers
}
