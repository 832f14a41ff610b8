"use strict";
// Labels one item at a time, by keyboard or mouse. Labels stay in this browser and in files that are saved from here.
// A unit is what gets a label: a word, or a whole text. A place is the number of an item and that of a unit in it.

const page = JSON.parse(document.getElementById("data").textContent);
const OPEN = "?", UNKNOWN = "_", OUTSIDE = "O";
const IS_ANSWERED = page.labels.length === 0;
const KEPT_AS = `alignfreeze/${page.drawing}/${page.items[0].name}`;
const RIGHT_TO_LEFT_SCRIPTS = ["Arabic", "Hebrew", "Syriac", "Thaana", "Nko", "Adlam", "Hanifi_Rohingya"];
const RIGHT_TO_LEFT = new RegExp(`[${RIGHT_TO_LEFT_SCRIPTS.map((name) => `\\p{Script=${name}}`).join("")}]`, "gu");

const byId = (id) => document.getElementById(id);
const answer = byId("answer"), find = byId("find"), help = byId("help");

// --- labels: what was written before, and what is made here

const made = page.items.map((item) => item.labels.map(() => null)); // null: as it was written before
const steps = [], undone = []; // each is a list of changes { item, unit, before, after }
let place = { item: 0, unit: 0 };
let isKept = true, isSaved = true;

const labelAt = (item, unit) => made[item][unit] ?? page.items[item].labels[unit];
const isOpen = (item, unit) => labelAt(item, unit) === OPEN;
const isQuestion = (item, unit) => page.items[item].labels[unit] === OPEN;
const itemNumbers = () => page.items.map((_, item) => item);

function isLabel(label) {
  if (label === UNKNOWN) return true;
  return IS_ANSWERED ? typeof label === "string" && label !== "" : page.labels.some((one) => one.label === label);
}

function makeChange(item, unit, label) {
  const after = label === page.items[item].labels[unit] ? null : label;
  return { item, unit, before: made[item][unit], after };
}

function perform(changes) {
  const real = changes.filter(({ before, after }) => before !== after);
  if (!real.length) return;
  for (const { item, unit, after } of real) made[item][unit] = after;
  steps.push(real);
  undone.length = 0;
  noteChange();
}

function noteChange() {
  isSaved = false;
  keep();
  refresh();
}

function undo() {
  const step = steps.pop();
  if (!step) return say("There is nothing to undo.");
  for (const { item, unit, before } of step) made[item][unit] = before;
  undone.push(step);
  showStep(step, "Undone");
}

function redo() {
  const step = undone.pop();
  if (!step) return say("There is nothing to redo.");
  for (const { item, unit, after } of step) made[item][unit] = after;
  steps.push(step);
  showStep(step, "Done again");
}

function showStep(step, what) {
  visit(step[0].item, step[0].unit);
  noteChange();
  say(`${what}: ${step.length === 1 ? nameOf(step[0].item, step[0].unit) : `${step.length} labels`}.`);
}

// The words whose label continues an entity that does not begin before them.
function findWrong(item) {
  if (!page.entities) return [];
  let before = OUTSIDE; // null after a word without a label
  return page.items[item].asked.filter((unit) => {
    const label = labelAt(item, unit), tag = label === UNKNOWN ? OUTSIDE : label;
    const isWrong = tag.startsWith("I-") && before !== null && before.slice(1) !== tag.slice(1);
    before = tag === OPEN ? null : tag;
    return isWrong;
  });
}

const openUnits = (item) => page.items[item].asked.filter((unit) => isOpen(item, unit));
const beginningOf = (item) => ({ item, unit: openUnits(item)[0] ?? page.items[item].asked[0] });
const isFinished = (item) => openUnits(item).length === 0 && findWrong(item).length === 0;

// --- moving

function visit(item, unit) {
  const isOther = item !== place.item;
  place = { item, unit };
  if (isOther) build();
  keep();
  refresh();
  focusPlace();
}

function go(item, unit) {
  if (takeAnswer()) visit(item, unit);
}

function focusPlace() {
  const target = IS_ANSWERED ? answer : byId("units").querySelector(`[data-unit="${place.unit}"]`);
  target.focus();
  target.scrollIntoView({ block: "nearest" });
}

function turn(by) {
  const item = place.item + by;
  if (item in page.items) go(item, beginningOf(item).unit);
  else say(`This is the ${by > 0 ? "last" : "first"} ${page.kind.toLowerCase()}.`);
}

function move(by) {
  const { asked } = page.items[place.item];
  const next = asked[asked.indexOf(place.unit) + by];
  if (next !== undefined) return go(place.item, next);
  const item = page.items[place.item + by];
  if (item) go(place.item + by, item.asked.at(by > 0 ? 0 : -1));
  else turn(by);
}

// The next open place after this one, in the same item first; null if nothing is open.
function findOpen() {
  const { item, unit } = place, here = openUnits(item);
  const later = here.find((one) => one > unit) ?? here.find((one) => one < unit);
  if (later !== undefined) return { item, unit: later };
  const items = itemNumbers(), others = [...items.slice(item + 1), ...items.slice(0, item)];
  const next = others.find((one) => openUnits(one).length);
  return next === undefined ? null : beginningOf(next);
}

function goOn() {
  const next = findOpen();
  if (next) go(next.item, next.unit);
  else if (place.item + 1 in page.items) turn(1);
  else say("Nothing is left to label.");
}

// After a label, the next open place. A sentence with entities stays, so that all its words can be looked at.
function advance(wasQuestion) {
  const next = findOpen();
  if (!page.entities) return next && visit(next.item, next.unit);
  if (!wasQuestion) {
    const { asked } = page.items[place.item];
    return visit(place.item, asked[asked.indexOf(place.unit) + 1] ?? place.unit);
  }
  if (next?.item === place.item) return visit(next.item, next.unit);
  if (next) say("Look over the other words of this sentence, then press Enter to go on.");
}

// --- labelling

function choose(label) {
  const { item, unit } = place;
  perform([makeChange(item, unit, label)]);
  say(`${nameOf(item, unit)}: ${label === UNKNOWN ? "you cannot tell" : label}.`);
  advance(isQuestion(item, unit));
}

function makeClearing(item, unit) {
  return { item, unit, before: made[item][unit], after: null };
}

function clearLabel() {
  perform([makeClearing(place.item, place.unit)]);
  focusPlace();
}

function accept() {
  const proposal = page.items[place.item].proposals[place.unit];
  if (proposal !== undefined && isOpen(place.item, place.unit)) choose(proposal);
  else goOn();
}

// Takes what was typed as the answer, and returns whether it can stand there.
function takeAnswer() {
  if (!IS_ANSWERED) return true;
  const text = answer.value.trim(), { item, unit } = place;
  if (text.startsWith(OPEN)) {
    complain(`An answer cannot begin with ${OPEN}, which stands for a missing answer.`);
    return false;
  }
  complain("");
  perform([text ? makeChange(item, unit, text) : makeClearing(item, unit)]);
  return true;
}

function enterAnswer() {
  if (!answer.value.trim()) return accept();
  if (takeAnswer()) goOn();
}

// The reader selects first and then goes to the button or the field, where the selection is gone.
let selection = "";

function noteSelection() {
  const chosen = getSelection(), context = byId("texts").lastElementChild;
  if (!chosen.isCollapsed && context?.contains(chosen.anchorNode)) selection = chosen.toString().trim();
}

function takeMarked() {
  if (!IS_ANSWERED || getSelection().isCollapsed) return;
  noteSelection();
  if (selection) takeSelection();
}

function takeSelection() {
  if (!selection) return say("Select the answer in the text first.");
  answer.value = selection;
  takeAnswer();
  answer.focus();
}

// --- what is seen

function element(name, properties, ...children) {
  const one = Object.assign(document.createElement(name), properties);
  one.append(...children);
  return one;
}

function directionOf(text) {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  return 2 * (text.match(RIGHT_TO_LEFT)?.length ?? 0) > letters ? "rtl" : "ltr";
}

const textOf = (text) => ({ textContent: text, lang: page.language, dir: directionOf(text) });

function nameOf(item, unit) {
  const word = page.items[item].words?.[unit];
  return word === undefined ? `${page.kind} ${item + 1}` : `\u2068${word}\u2069`; // its direction is its own
}

function build() {
  const { words, texts } = page.items[place.item];
  byId("number").textContent = `${page.kind} ${place.item + 1} of ${page.items.length}`;
  byId("texts").replaceChildren(...texts.flatMap(({ heading, text }) =>
    [element("h3", { textContent: heading }), element("p", textOf(text))]));
  byId("units").replaceChildren(...(words ? words.map(buildWord) : [buildUnit(0)]));
  byId("units").dir = words ? directionOf(words.join(" ")) : "ltr";
  for (const text of byId("texts").querySelectorAll("p")) if (text.scrollHeight > text.clientHeight) text.tabIndex = 0;
  selection = "";
}

function buildWord(word, unit) {
  const isAsked = page.items[place.item].asked.includes(unit);
  const properties = { className: isAsked ? "word" : "plain", textContent: word, lang: page.language, dir: "auto" };
  return isAsked ? buildUnit(unit, element("span", properties)) : element("span", properties);
}

function buildUnit(unit, ...shown) {
  const label = element("span", { className: "label", dir: "ltr" });
  const button = element("button", { type: "button", className: "unit" }, ...shown, label);
  button.dataset.unit = unit;
  button.addEventListener("click", () => go(place.item, unit));
  button.addEventListener("focus", () => { // as by the Tab key
    if (place.unit === unit) return;
    place.unit = unit;
    refresh();
  });
  return button;
}

function buildLabels() {
  const unknown = { label: UNKNOWN, name: "cannot tell", key: IS_ANSWERED ? "" : "-", meaning: "" };
  byId("labels").replaceChildren(...[...page.labels, unknown].map(buildLabel));
  byId("finding").hidden = page.labels.every(({ key }) => key);
}

function buildLabel({ label, name = label, key, shift, meaning }) {
  const button = element("button", { type: "button" },
    element("kbd", { textContent: shift ? `⇧ ${key}` : key, hidden: !key }),
    element("span", { className: "name", textContent: name }),
    element("small", { textContent: meaning, hidden: !meaning }));
  if (key) button.setAttribute("aria-keyshortcuts", shift ? `Shift+${key}` : key);
  button.dataset.label = label;
  button.addEventListener("click", () => choose(label));
  return button;
}

function refresh() {
  for (const unit of byId("units").querySelectorAll(".unit")) showUnit(unit);
  showChoices();
  showHint();
  showWarnings();
  showProgress();
  if (IS_ANSWERED) answer.value = made[place.item][place.unit] ?? "";
}

function showUnit(button) {
  const unit = Number(button.dataset.unit), { item } = place, label = labelAt(item, unit);
  const text = label === UNKNOWN ? "cannot tell" : label;
  button.querySelector(".label").textContent = page.items[item].words ? text : `Label: ${text}`;
  button.classList.toggle("open", label === OPEN);
  button.classList.toggle("made", made[item][unit] !== null);
  button.classList.toggle("outside", label === OUTSIDE);
  button.classList.toggle("wrong", findWrong(item).includes(unit));
  if (unit === place.unit) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
}

function showChoices() {
  const { item, unit } = place, label = labelAt(item, unit);
  for (const button of byId("labels").children) {
    button.setAttribute("aria-pressed", String(button.dataset.label === label));
    button.classList.toggle("proposed", label === OPEN && button.dataset.label === page.items[item].proposals[unit]);
  }
}

function showHint() {
  const { item, unit } = place, proposal = page.items[item].proposals[unit], label = made[item][unit];
  const context = page.items[item].texts.at(-1)?.text ?? "";
  byId("hint").replaceChildren();
  if (proposal !== undefined && isOpen(item, unit)) {
    const shown = [element("bdi", { textContent: proposal }), ". Press ", element("kbd", { textContent: "Enter" })];
    byId("hint").append("Proposed: ", ...shown, " to accept it.");
  } else if (IS_ANSWERED && label !== null && label !== UNKNOWN && !context.includes(label)) {
    byId("hint").append("This answer does not stand in the text in the same words.");
  }
}

function showWarnings() {
  const texts = findWrong(place.item).map((unit) => {
    const label = labelAt(place.item, unit), word = nameOf(place.item, unit);
    const first = `The first word of a name is B${label.slice(1)}.`;
    return `${word}: ${label} continues a name, but none begins before it. ${first}`;
  });
  showText("warning", texts.join(" "));
}

// All units with a label that was asked for, and those whose label was there before and was corrected.
function countLabels() {
  const units = page.items.flatMap(({ labels }, item) => labels.map((_, unit) => ({ item, unit })));
  const questions = units.filter(({ item, unit }) => isQuestion(item, unit));
  const changed = units.filter(({ item, unit }) => made[item][unit] !== null).length;
  const labelled = questions.filter(({ item, unit }) => !isOpen(item, unit)).length;
  return { questions: questions.length, labelled, corrected: changed - labelled };
}

function showProgress() {
  const items = itemNumbers(), finished = items.filter(isFinished).length, kind = page.kind.toLowerCase();
  const { questions, labelled, corrected } = countLabels();
  const texts = [`${finished} of ${items.length} ${kind}s finished`,
    `${labelled} of ${questions} ${IS_ANSWERED ? "answers" : "labels"} made`];
  if (corrected) texts.push(`${corrected} more ${corrected === 1 ? "word" : "words"} corrected`);
  byId("progress").textContent = texts.join(", ");
  Object.assign(byId("bar"), { max: questions || 1, value: labelled });
  byId("done").hidden = finished < items.length;
  const wrong = items.filter((item) => findWrong(item).length).map((item) => item + 1);
  const isLeft = labelled === questions && wrong.length;
  showText("left", isLeft ? `Please mend the labels that do not fit, in ${kind} ${wrong.join(", ")}.` : "");
  showButtons();
}

function showButtons() {
  byId("undo").disabled = !steps.length;
  byId("redo").disabled = !undone.length;
  byId("previous").disabled = place.item === 0;
  byId("next").disabled = place.item === page.items.length - 1;
}

function showText(id, text) {
  byId(id).textContent = text;
  byId(id).hidden = !text;
}

function say(text) {
  const done = byId("done").hidden ? "" : " Everything is labelled: save the file.";
  byId("said").textContent = text + done;
}

const complain = (text) => showText("trouble", text);

// --- what the browser keeps

// A page with more items, or fewer, may begin with the same item: its labels stay.
function keep() {
  const ours = Object.fromEntries(itemNumbers().map((item) => [page.items[item].name, made[item]]));
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify({ labels: { ...readKept()?.labels, ...ours }, place }));
  } catch {
    isKept = false;
    byId("storage").hidden = false;
  }
}

function readKept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT_AS));
  } catch {
    return null;
  }
}

function restore() {
  const kept = readKept();
  if (typeof kept?.labels !== "object" || kept.labels === null) return;
  page.items.forEach(({ name, labels }, item) => {
    const several = kept.labels[name];
    if (!Array.isArray(several) || several.length !== labels.length) return;
    made[item] = several.map((label) => (isLabel(label) ? label : null));
  });
  const { item, unit } = kept.place ?? {};
  if (page.items[item]?.asked.includes(unit)) place = { item, unit };
}

// The same page in another tab has made a label.
function follow(event) {
  if (event.key !== KEPT_AS || event.newValue === null) return;
  const { item, unit } = place, before = JSON.stringify(made);
  restore();
  place = { item, unit };
  if (JSON.stringify(made) === before) return;
  steps.length = undone.length = 0;
  refresh();
}

// --- files: the lines as they were written, with other labels

const READERS = { words: readWords, table: readTable, objects: readObjects };

function formOf(lines) {
  const first = lines.find((line) => line.trim()) ?? "";
  if (first.startsWith("{")) return "objects";
  return first.startsWith("id\t") ? "table" : "words";
}

// Returns the name of each item, and the number of the line and the label of each of its units.
function readItems(lines) {
  const numbered = lines.map((line, number) => ({ line, number })).filter(({ line }) => line.trim());
  return READERS[formOf(lines)](numbered);
}

function readWords(numbered) {
  const found = [];
  for (const { line, number } of numbered) {
    const name = line.match(/^#\s*sent_id\s*=\s*(\S+)/)?.[1], cells = line.split("\t");
    if (name) found.push({ name, units: [] });
    else if (cells.length > 1 && !found.length) throw new Error("the name of its first sentence is missing");
    else if (cells.length > 1) found.at(-1).units.push({ number, label: cells[labelPlace(cells)].trim() });
  }
  return found;
}

// CoNLL-U has the label in the fourth of ten columns, and IOB2 in the second of two.
function labelPlace(cells) {
  return cells.length === 10 ? 3 : 1;
}

function readTable([header, ...numbered]) {
  const places = columnsOf(header.line);
  return numbered.map(({ line, number }) => {
    const cells = line.split("\t");
    return { name: cells[places.id] ?? "", units: [{ number, label: (cells[places.label] ?? "").trim() }] };
  });
}

function columnsOf(header) {
  const names = header.split("\t"), places = { id: names.indexOf("id"), label: names.indexOf("label") };
  if (places.label < 0) throw new Error("the column label is missing");
  return places;
}

function readObjects(numbered) {
  return numbered.map(({ line, number }) => {
    try {
      const { id, label } = JSON.parse(line);
      return { name: String(id), units: [{ number, label: String(label ?? "").trim() }] };
    } catch {
      throw new Error(`line ${number + 1} is not JSON`);
    }
  });
}

function writeLabel(form, line, label) {
  if (form === "objects") {
    const parts = Object.entries({ ...JSON.parse(line), label });
    return `{${parts.map((pair) => pair.map((one) => JSON.stringify(one)).join(": ")).join(", ")}}`;
  }
  const cells = line.split("\t");
  cells[form === "table" ? columnsOf(page.lines[0]).label : labelPlace(cells)] = label.replace(/\s+/g, " ");
  return cells.join("\t");
}

function writeFile() {
  const lines = [...page.lines], form = formOf(lines);
  readItems(page.lines).forEach(({ units }, item) => units.forEach(({ number }, unit) => {
    if (made[item][unit] !== null) lines[number] = writeLabel(form, lines[number], made[item][unit]);
  }));
  return `${lines.join("\n")}\n`;
}

function save() {
  if (!takeAnswer()) return;
  const address = URL.createObjectURL(new Blob([writeFile()], { type: "text/plain" }));
  element("a", { href: address, download: page.file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
  isSaved = true;
  say(`${page.file} is saved where your browser puts files.`);
}

// Takes over the labels of a saved file, as one step that can be undone.
function load(text, name) {
  complain("");
  try {
    perform(changesOf(readItems(text.split(/\r?\n/))));
    say(`The labels of ${name} are taken over.`);
  } catch (error) {
    complain(`${name} cannot be loaded: ${error.message}.`);
  }
  focusPlace();
}

function changesOf(read) {
  const units = new Map(read.map((one) => [one.name, one.units]));
  checkNames([...units.keys()]);
  return page.items.flatMap(({ name, labels, asked }, item) => {
    const n = units.get(name).length;
    if (n !== labels.length) throw new Error(`${name} has ${n} words there, and ${labels.length} on this page`);
    return asked.map((unit) => changeTo(item, unit, units.get(name)[unit]));
  });
}

function checkNames(names) {
  const wanted = page.items.map(({ name }) => name);
  const missing = wanted.find((name) => !names.includes(name)), foreign = names.find((name) => !wanted.includes(name));
  if (!names.length) throw new Error("it holds no item to label");
  if (foreign !== undefined) throw new Error(`its item ${foreign} is not on this page`);
  if (missing !== undefined) throw new Error(`the item ${missing} of this page is not in it`);
}

function changeTo(item, unit, { label, number }) {
  if (label === "" || label.startsWith(OPEN)) return makeClearing(item, unit);
  const isKnown = isLabel(label) || label === page.items[item].labels[unit];
  if (!isKnown) throw new Error(`line ${number + 1} has the label ${label}, which this page does not know`);
  return makeChange(item, unit, label);
}

// --- keys

const isForward = (key) => (key === "ArrowRight") === (byId("units").dir !== "rtl"); // as the words are seen
const COMMANDS = {
  ArrowLeft: ({ key }) => move(isForward(key) ? 1 : -1),
  ArrowRight: ({ key }) => move(isForward(key) ? 1 : -1),
  ArrowUp: () => turn(-1),
  ArrowDown: () => turn(1),
  Enter: accept,
  Backspace: ({ shiftKey }) => (shiftKey ? redo() : undo()),
  Delete: clearLabel,
  "-": () => choose(UNKNOWN),
  "_": () => choose(UNKNOWN),
  "/": () => (byId("finding").hidden ? null : find.focus()),
  "?": showHelp,
  "؟": showHelp,
  F1: showHelp,
};
const { ArrowUp, ArrowDown } = COMMANDS;
const ANSWER_COMMANDS = { ArrowUp, ArrowDown, Enter: enterAnswer, F1: showHelp };
const CONTROL_COMMANDS = { z: ({ shiftKey }) => (shiftKey ? redo() : undo()), y: redo, s: save };

function showHelp() {
  help.showModal();
}

// The sign of a key. On a keyboard of another script, it is the sign that a Latin keyboard has in the same place.
function signOf({ key, code }) {
  if (key.length === 1 && /[ -~]/.test(key)) return key.toLowerCase();
  const there = /^[ -~]/.test(key) ? null : code.match(/^(?:Key|Digit)([A-Z0-9])$/);
  return there ? there[1].toLowerCase() : key;
}

function labelOf(event) {
  const sign = signOf(event);
  return page.labels.find(({ key, shift }) => key === sign && (!page.entities || shift === event.shiftKey))?.label;
}

function commandOf(event) {
  if (event.altKey) return undefined;
  if (event.ctrlKey || event.metaKey) return isTyping(event) ? undefined : CONTROL_COMMANDS[signOf(event)];
  if (event.target === answer) return ANSWER_COMMANDS[event.key];
  if (event.target === find) return undefined;
  if (["Enter", " "].includes(event.key) && event.target.matches("button:not(.unit)")) return undefined;
  const label = labelOf(event);
  return label === undefined ? COMMANDS[signOf(event)] : () => choose(label);
}

// Whether Ctrl+Z belongs to the text that is being typed.
function isTyping(event) {
  if (signOf(event) === "s") return false;
  return event.target === find || (event.target === answer && answer.value !== (made[place.item][place.unit] ?? ""));
}

function onKey(event) {
  if (event.isComposing || help.open) return;
  const command = commandOf(event);
  if (!command) return;
  event.preventDefault();
  command(event);
}

function showFound() {
  const wanted = find.value.trim().toLowerCase();
  for (const button of byId("labels").children) {
    const texts = [button.dataset.label, button.querySelector("small").textContent];
    button.hidden = !texts.join(" ").toLowerCase().includes(wanted);
  }
}

function onFindKey(event) {
  if (!["Enter", "Escape"].includes(event.key) || event.isComposing) return;
  event.preventDefault();
  const first = byId("labels").querySelector("button:not([hidden])");
  const isChosen = event.key === "Enter" && find.value.trim() && first;
  find.value = "";
  showFound();
  if (isChosen) first.click();
  else focusPlace();
}

// --- the beginning

function listen() {
  addEventListener("keydown", onKey);
  addEventListener("storage", follow);
  addEventListener("beforeunload", (event) => { if (!isKept && !isSaved) event.preventDefault(); });
  document.addEventListener("selectionchange", noteSelection);
  find.addEventListener("input", showFound);
  find.addEventListener("keydown", onFindKey);
  answer.addEventListener("change", takeAnswer);
  addEventListener("pagehide", takeAnswer);
  byId("texts").addEventListener("mouseup", takeMarked);
  byId("selected").addEventListener("click", takeSelection);
  help.addEventListener("close", focusPlace);
  const clicks = {
    undo, redo, previous: () => turn(-1), next: () => turn(1), load: () => byId("file").click(),
    keys: showHelp, close: () => help.close(), theme: changeTheme,
  };
  for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", act);
  for (const button of document.querySelectorAll(".save")) button.addEventListener("click", save);
  byId("file").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    if (file) load(await file.text(), file.name);
    target.value = "";
  });
}

function changeTheme() {
  const root = document.documentElement, isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : isDark;
  root.dataset.theme = dark ? "light" : "dark";
}

function begin() {
  place = beginningOf(0);
  restore();
  byId("command").textContent = page.command;
  byId("answering").hidden = !IS_ANSWERED;
  byId("units").hidden = IS_ANSWERED;
  answer.lang = page.language;
  buildLabels();
  build();
  listen();
  keep(); // says at once whether this browser keeps labels
  refresh();
  focusPlace();
}

begin();
