// The race: one request to begin, all writers at once, one request to count.
"use strict";

const race = document.getElementById("race");
const start = document.getElementById("start");
const result = document.getElementById("result");
const kept = document.getElementById("kept");
const counter = document.getElementById("counter");
const cells = document.getElementById("cells");
const of = Number(race.dataset.of);

for (let i = 0; i < of; i++) {
  cells.append(document.createElement("span"));
}

// send rejects for anything but success, so that a failed write is never
// mistaken for a lost one.
async function send(path, body) {
  const answer = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    body: body === undefined ? undefined : new URLSearchParams(body),
    signal: AbortSignal.timeout(30000),
  });
  if (!answer.ok) {
    throw new Error(`${path} answered ${answer.status}`);
  }
  return answer;
}

async function write(i) {
  await send("/race/write", { writer: "w" + String(i).padStart(2, "0") });
  cells.children[i].className = "done";
}

async function run() {
  for (const cell of cells.children) {
    cell.className = "";
  }
  kept.textContent = counter.textContent = "0";
  await send("/race/reset", {});
  const begin = performance.now();
  await Promise.all(Array.from({ length: of }, (_, i) => write(i)));
  const took = Math.round(performance.now() - begin);
  const end = await (await send("/race/result")).json();
  kept.textContent = end.kept;
  counter.textContent = end.counter;
  return `${end.kept} of ${end.of} writes kept, and the counter says ${end.counter}. It took ${took} milliseconds.`;
}

start.addEventListener("click", async () => {
  // aria-disabled instead of disabled keeps the keyboard's focus on the button.
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
    result.textContent = `The race was not finished: ${err.message}.`;
  }
  start.removeAttribute("aria-disabled");
  start.textContent = "Race again";
});

start.hidden = false;
