// Built from web/src by `npm run build`; change it there.

// src/axis.ts
var FPS = 25;
var KEYFRAME_STEP = 13;
var KEYFRAME_S = KEYFRAME_STEP / FPS;
var SHORTEST_SPAN = 0.2;
var xOf = (seconds, span, area) => area.left + (seconds - span.from) / (span.to - span.from) * area.width;
var secondsAt = (x, span, area) => span.from + (x - area.left) / area.width * (span.to - span.from);
var yOf = (value, area) => area.top + (1 - value) / 2 * area.height;
var valueAt = (y, area) => 1 - 2 * (y - area.top) / area.height;
function zoomed(span, factor, about, duration) {
  const length = Math.min(duration, Math.max(SHORTEST_SPAN, (span.to - span.from) * factor));
  const share = (about - span.from) / (span.to - span.from);
  return shifted({ from: about - share * length, to: about + (1 - share) * length }, 0, duration);
}
function shifted(span, by, duration) {
  const length = Math.min(span.to - span.from, duration);
  const from = Math.max(0, Math.min(span.from + by, duration - length));
  return { from, to: from + length };
}
var snapped = (seconds) => Math.round(seconds / KEYFRAME_S) * KEYFRAME_S;
var rounded = (number2) => Math.round(number2 * 1e3) / 1e3;
var STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
function ticks(span, area, room = 60) {
  const perSecond = area.width / (span.to - span.from);
  const step = STEPS.find((candidate) => candidate * perSecond >= room) ?? STEPS.at(-1);
  const first = Math.ceil(span.from / step - 1e-9);
  const last = Math.floor(span.to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => rounded((first + i) * step));
}
function keyframesIn(span) {
  return { first: Math.max(0, Math.ceil(span.from / KEYFRAME_S - 1e-9)), last: Math.floor(span.to / KEYFRAME_S + 1e-9) };
}
function clock(seconds, digits = 1) {
  if (seconds < 60) return seconds.toFixed(digits);
  const whole = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const fraction = digits ? (seconds - whole).toFixed(digits).slice(1) : "";
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}${fraction}`;
}

// src/curve.ts
var MODES = ["smooth", "linear", "hold"];
var LANES = ["valence", "arousal"];
var EMPTY = { valence: [], arousal: [] };
function sampler(lane) {
  if (lane.length === 0) return () => 0;
  const pieces = polynomials(lane);
  return (seconds) => {
    const index = Math.max(0, lastAtOrBefore(lane, seconds));
    const point = lane[index];
    const { linear, quadratic, cubic } = pieces[index];
    const dt = Math.max(0, seconds - point.seconds);
    return point.value + dt * (linear + dt * (quadratic + dt * cubic));
  };
}
function lastAtOrBefore(lane, seconds) {
  let low = 0;
  let high = lane.length;
  while (low < high) {
    const middle = low + high >> 1;
    if (lane[middle].seconds <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
function polynomials(lane) {
  const step = [];
  const slope = [];
  for (let i = 0; i + 1 < lane.length; i++) {
    const h = lane[i + 1].seconds - lane[i].seconds;
    step.push(h);
    slope.push(lane[i].mode === "hold" ? 0 : (lane[i + 1].value - lane[i].value) / h);
  }
  const [starts, ends] = tangents(
    step,
    slope,
    lane.map(({ mode }) => mode === "smooth")
  );
  const pieces = slope.map((s, i) => {
    const [h, start, end] = [step[i], starts[i], ends[i]];
    return {
      linear: start,
      quadratic: (2 * (s - start) + (s - end)) / h,
      cubic: (start - s + (end - s)) / h ** 2
    };
  });
  return [...pieces, { linear: 0, quadratic: 0, cubic: 0 }];
}
function tangents(step, slope, smooth) {
  const inner = [null];
  for (let i = 0; i + 1 < slope.length; i++) {
    if (!(smooth[i] && smooth[i + 1])) {
      inner.push(null);
      continue;
    }
    const [s0, s1, h0, h1] = [slope[i], slope[i + 1], step[i], step[i + 1]];
    const parabola = s0 * (h1 / (h0 + h1)) + s1 * (h0 / (h0 + h1));
    const steepest = Math.min(Math.abs(s0), Math.abs(s1), Math.abs(parabola) / 2);
    inner.push((Math.sign(s0) + Math.sign(s1)) * steepest);
  }
  inner.push(null);
  const at = (own, other, s) => own ?? (other === null ? s : (3 * s - other) / 2);
  return [
    slope.map((s, i) => at(inner[i], inner[i + 1], s)),
    slope.map((s, i) => at(inner[i + 1], inner[i], s))
  ];
}

// src/states.ts
var STATES = {
  happy: [0.85, 0.75],
  angry: [-0.443, 0.908],
  surprised: [0, 0.85],
  sad: [-0.85, -0.35],
  neutral: [0, 0],
  fear: [0.181, 0.949],
  disgusted: [-0.8, 0.5],
  contempt: [0.307, 0.535],
  calm: [0.65, -0.5],
  excited: [0.9, 0.9],
  bored: [-0.6, -0.9],
  confused: [-0.3, 0.4],
  anxious: [-0.85, 0.9],
  confident: [0.7, 0.4],
  frustrated: [-0.8, 0.6],
  amused: [0.7, 0.5],
  proud: [0.8, 0.4],
  ashamed: [-0.8, -0.3],
  grateful: [0.7, 0.2],
  jealous: [-0.7, 0.5],
  hopeful: [0.7, 0.3],
  disappointed: [-0.7, -0.3],
  curious: [0.5, 0.5],
  overwhelmed: [-0.6, 0.8]
};
function nearestState(valence, arousal) {
  let best = "neutral";
  let least = Infinity;
  for (const [name, [v, a]] of Object.entries(STATES)) {
    const distance = Math.hypot(v - valence, a - arousal);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}
var STRONGEST = 1.5;
function wordFor(valence, arousal) {
  for (const [name, [v, a]] of Object.entries(STATES)) {
    if (v === valence && a === arousal) return name;
    const factor = Math.round(100 * (v ? valence : arousal) / (v || a || 1)) / 100;
    if (factor > 0 && factor <= STRONGEST && factor * v === valence && factor * a === arousal) return `${name}*${factor}`;
  }
  return null;
}

// src/text.ts
var VERSION = 1;
var LEAST_STEP_S = 1e-6;
var CurveError = class extends Error {
};
function parse(text) {
  const trimmed = text.trim();
  const curve = trimmed.startsWith("{") ? parseJson(trimmed) : parseShortForm(trimmed);
  for (const name of LANES) checkLane(name, curve[name]);
  return curve;
}
function serialize(curve) {
  const rows = (lane) => lane.map(({ seconds, value, mode }) => [seconds, value, mode]);
  return JSON.stringify({ v: VERSION, valence: rows(curve.valence), arousal: rows(curve.arousal) });
}
var isWords = (text) => !text.trim().startsWith("{");
function toWords(curve) {
  const { valence, arousal } = curve;
  const points = [...valence, ...arousal];
  if (valence.length === 0 || valence.length !== arousal.length || points.some(({ mode }) => mode !== "smooth")) return null;
  if (valence.some(({ seconds }, i) => seconds !== arousal[i].seconds)) return null;
  return valence.map(({ seconds, value }, i) => `${seconds}:${wordFor(value, arousal[i].value) ?? `(${value},${arousal[i].value})`}`).join(" ");
}
function toCsv(curve) {
  const rows = /* @__PURE__ */ new Map();
  for (const name of LANES)
    for (const { seconds, value, mode } of curve[name]) {
      const key = `${seconds} ${mode}`;
      rows.set(key, { ...rows.get(key) ?? { seconds, mode }, [name]: value });
    }
  const lines = [...rows.values()].sort((a, b) => a.seconds - b.seconds).map(({ seconds, valence = "", arousal = "", mode }) => [seconds, valence, arousal, mode].join(","));
  return ["seconds,valence,arousal,mode", ...lines].join("\n") + "\n";
}
function fromCsv(text) {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const told = /^\s*sep=(.?)/i.exec(lines[0]);
  if (told) lines.shift();
  const [first = "", ...rest] = lines;
  const count = (mark) => first.split(mark).length;
  const separator = told ? told[1] || "	" : [",", ";", "	"].reduce((a, b) => count(b) > count(a) ? b : a);
  const split = (line) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1").trim());
  const header = split(first).map((cell) => cell.toLowerCase());
  const plain = header.join(",");
  if (plain !== "seconds,valence,arousal" && plain !== "seconds,valence,arousal,mode")
    throw new CurveError(`the first line is '${plain.slice(0, 60)}'; it must be seconds,valence,arousal,mode`);
  const lanes = { valence: [], arousal: [] };
  rest.forEach((line, index) => {
    if (line.trim() === "") return;
    const cells = split(line).map((cell) => separator === "," ? cell : cell.replaceAll(",", "."));
    const where = `line ${index + (told ? 3 : 2)}`;
    if (cells.length !== header.length)
      throw new CurveError(`${where} has ${cells.length} cells, the first line ${header.length}; make them equal`);
    const seconds = number(cells[0], where, "write seconds as a plain number");
    LANES.forEach((name, lane) => {
      const cell = cells[1 + lane];
      if (cell === "") return;
      const value = number(cell, where, `write ${name} as a plain number or leave it empty`);
      lanes[name].push({ seconds, value, mode: asMode(cells[3] || "smooth", where) });
    });
  });
  for (const name of LANES) checkLane(name, lanes[name]);
  return lanes;
}
function parseJson(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new CurveError(`the emotion JSON is malformed (${error.message}); correct it there`);
  }
  const { v, ...lanes } = data;
  if (typeof v !== "number" || v < 1)
    throw new CurveError(`the emotion JSON has no version; start it with {"v":${VERSION}, ...`);
  if (v !== VERSION)
    throw new CurveError(`the emotion JSON has version ${v}, this KeyFace reads version ${VERSION}; update KeyFace`);
  const unknown = Object.keys(lanes).find((key) => !LANES.includes(key));
  if (unknown !== void 0)
    throw new CurveError(`the emotion JSON has the unknown key "${unknown}"; it may have "v", "valence" and "arousal"`);
  const lane = (name) => Object.hasOwn(lanes, name) ? jsonLane(name, lanes[name]) : [];
  return { valence: lane("valence"), arousal: lane("arousal") };
}
function jsonLane(name, rows) {
  if (!Array.isArray(rows))
    throw new CurveError(`${name} of the emotion JSON is not a list; write [[seconds,value,"smooth"],...]`);
  return rows.map((row) => {
    const [seconds, value, mode] = Array.isArray(row) && row.length === 3 ? row : [];
    if (typeof seconds !== "number" || typeof value !== "number" || typeof mode !== "string")
      throw new CurveError(
        `${name} of the emotion JSON has the point ${JSON.stringify(row).slice(0, 60)}; write [seconds,value,"smooth"]`
      );
    return { seconds, value, mode: asMode(mode, `${name} at ${seconds} s`) };
  });
}
function parseShortForm(text) {
  const plain = text.replace(/\s+/g, " ").replace(/ ?([:*]) ?/g, "$1");
  const entry = /(?:[^ ,()]|\([^()]*\))+/g;
  const entries = plain.match(entry) ?? [];
  const rest = plain.replace(entry, "").replace(/,/g, "").trim();
  if (rest !== "" || entries.length === 0)
    throw new CurveError(`emotion '${plain}' cannot be read; write it like 0:neutral 2.5:happy 6:(-0.4,0.9)`);
  const lanes = { valence: [], arousal: [] };
  for (const item of entries) {
    const colon = item.lastIndexOf(":");
    if (colon < 0 && entries.length > 1)
      throw new CurveError(`emotion '${item}' has no time; put its second in front, such as 0:${item}`);
    const seconds = colon < 0 ? 0 : parseTime(item.slice(0, colon));
    const feeling = parseFeeling(item.slice(colon + 1));
    LANES.forEach((name, lane) => lanes[name].push({ seconds, value: feeling[lane], mode: "smooth" }));
  }
  return lanes;
}
function parseTime(text) {
  const parts = text.split(":");
  if (parts.length > 3)
    throw new CurveError(`the time '${text}' has ${parts.length} parts; write seconds, m:ss or h:mm:ss`);
  const remedy = "write seconds, m:ss or h:mm:ss";
  const numbers = parts.map((part) => number(part, `the time '${text}'`, remedy));
  if (numbers.length > 1 && numbers.some((part) => part < 0))
    throw new CurveError(`the time '${text}' has a negative part; ${remedy}`);
  return numbers.reduce((seconds, part) => 60 * seconds + part, 0);
}
function parseFeeling(text) {
  if (text.startsWith("(")) {
    const pair = /^\( ?([^ ,]+)(?: ?, ?| )([^ ,]+) ?\)$/.exec(text);
    const remedy = "write (valence,arousal), such as (-0.4,0.9)";
    if (!pair) throw new CurveError(`emotion '${text}' is no pair; ${remedy}`);
    return [number(pair[1], `emotion '${text}'`, remedy), number(pair[2], `emotion '${text}'`, remedy)];
  }
  const times = text.indexOf("*");
  const [name, factor] = times < 0 ? [text, void 0] : [text.slice(0, times), text.slice(times + 1)];
  const state = Object.hasOwn(STATES, name.toLowerCase()) && STATES[name.toLowerCase()];
  if (!state) throw new CurveError(`emotion '${name}' is unknown; use one of ${Object.keys(STATES).join(", ")}`);
  const intensity = factor === void 0 ? 1 : number(factor, `the intensity of '${text}'`, "write it like happy*0.5");
  if (!(intensity >= 0 && intensity < Infinity))
    throw new CurveError(`the intensity of '${name}' is ${intensity}; it must be 0 or more`);
  return [clamp(intensity * state[0]), clamp(intensity * state[1])];
}
function clamp(value) {
  return Math.max(-1, Math.min(1, value));
}
var NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
function number(text, what, remedy) {
  if (!NUMBER.test(text)) throw new CurveError(`${what} has '${text}' where a number belongs; ${remedy}`);
  return Number(text);
}
function asMode(text, where) {
  if (!MODES.includes(text)) throw new CurveError(`${where} has the mode '${text}'; use ${MODES.join(", ")}`);
  return text;
}
function checkLane(name, lane) {
  lane.forEach(({ seconds, value }, index) => {
    const where = `${name} at ${seconds} s`;
    if (!(seconds >= 0 && seconds < Infinity))
      throw new CurveError(`${where}: a time must be 0 or more and finite; correct or remove this point`);
    if (!(value >= -1 && value <= 1))
      throw new CurveError(`${where} is ${value}; it must lie in [-1, 1]: bring it in there`);
    const before = lane[index - 1];
    if (before && Math.abs(seconds - before.seconds) < LEAST_STEP_S)
      throw new CurveError(`${name} has two points at ${seconds} s; keep one of them`);
    if (before && seconds < before.seconds)
      throw new CurveError(
        `${name} has its point at ${seconds} s after the one at ${before.seconds} s; sort the points by time`
      );
  });
}

// src/edit.ts
var SAME_S = 5e-4;
var refKey = ({ lane, index }) => `${lane} ${index}`;
var sameRef = (a, b) => a.lane === b.lane && a.index === b.index;
function addPoint(curve, lane, seconds, value, mode = "smooth") {
  const point = tidy({ seconds, value, mode });
  const others = curve[lane].filter((other) => Math.abs(other.seconds - point.seconds) >= SAME_S);
  return withPoints(curve, /* @__PURE__ */ new Map([[lane, others]]), [[lane, point]]);
}
function addState(curve, name, seconds) {
  const [valence, arousal] = STATES[name] ?? [0, 0];
  const first = addPoint(curve, "valence", seconds, valence);
  const second = addPoint(first.curve, "arousal", seconds, arousal);
  return { curve: second.curve, selection: [...first.selection, ...second.selection] };
}
function movePoints(curve, refs, bySeconds, byValue, along = []) {
  const all = [...refs, ...along];
  const points = all.map(({ lane, index }) => curve[lane][index]);
  const earliest = Math.min(...points.map(({ seconds }) => seconds));
  const dt = Math.max(bySeconds, -earliest);
  const moved = all.map(({ lane }, i) => {
    const { seconds, value, mode } = points[i];
    const dv = i < refs.length ? byValue : 0;
    const to = tidy({ seconds: seconds + dt, value: value + dv, mode });
    return [lane, { seconds: dt ? to.seconds : seconds, value: dv ? to.value : value, mode }];
  });
  return withPoints(curve, without(curve, all), moved, refs.length);
}
function partners(curve, refs) {
  const mine = new Set(refs.map(refKey));
  return refs.flatMap((ref) => {
    const lane = ref.lane === "valence" ? "arousal" : "valence";
    const point = curve[ref.lane][ref.index];
    const index = curve[lane].findIndex(({ seconds }) => seconds === point.seconds);
    const other = { lane, index };
    if (index < 0 || mine.has(refKey(other))) return [];
    const partner = curve[lane][index];
    const word = lane === "arousal" ? wordFor(point.value, partner.value) : wordFor(partner.value, point.value);
    return word ? [other] : [];
  });
}
function wordAt(curve, ref) {
  const other = partners(curve, [ref])[0];
  if (!other) return null;
  const [valence, arousal] = ref.lane === "valence" ? [ref, other] : [other, ref];
  return wordFor(curve.valence[valence.index].value, curve.arousal[arousal.index].value);
}
function setPoint(curve, ref, seconds, value) {
  const along = partners(curve, [ref]);
  const point = tidy({ seconds, value, mode: curve[ref.lane][ref.index].mode });
  const placed = along.map(({ lane, index }) => [lane, { ...curve[lane][index], seconds: point.seconds }]);
  return withPoints(curve, without(curve, [ref, ...along]), [[ref.lane, point], ...placed], 1);
}
function deletePoints(curve, refs) {
  return { curve: { ...curve, ...Object.fromEntries(without(curve, refs)) }, selection: [] };
}
function setMode(curve, refs, mode) {
  const chosen = new Set(refs.map(refKey));
  const change = (lane) => curve[lane].map((point, index) => chosen.has(refKey({ lane, index })) ? { ...point, mode } : point);
  return { curve: { valence: change("valence"), arousal: change("arousal") }, selection: refs };
}
function mirror(curve, refs) {
  const chosen = new Set((refs.length ? refs : allRefs(curve)).map(refKey));
  const change = (lane) => curve[lane].map(
    (point, index) => chosen.has(refKey({ lane, index })) ? { ...point, value: point.value === 0 ? 0 : -point.value } : point
  );
  return { curve: { valence: change("valence"), arousal: change("arousal") }, selection: refs };
}
function reset() {
  return addState(EMPTY, "neutral", 0);
}
function allRefs(curve) {
  return LANES.flatMap((lane) => curve[lane].map((_, index) => ({ lane, index })));
}
function inTimeOrder(curve) {
  return allRefs(curve).sort((a, b) => {
    const byTime = curve[a.lane][a.index].seconds - curve[b.lane][b.index].seconds;
    return byTime || LANES.indexOf(a.lane) - LANES.indexOf(b.lane);
  });
}
function feelingAt(curve, seconds) {
  return [sampler(curve.valence)(seconds), sampler(curve.arousal)(seconds)];
}
function tidy({ seconds, value, mode }) {
  return { seconds: Math.max(0, rounded(seconds)), value: rounded(clamp(value)), mode };
}
function without(curve, refs) {
  const gone = new Set(refs.map(refKey));
  return new Map(
    LANES.map((lane) => [lane, curve[lane].filter((_, index) => !gone.has(refKey({ lane, index })))])
  );
}
function withPoints(curve, kept, placed, chosen = placed.length) {
  const selected = new Set(placed.slice(0, chosen).map(([, point]) => point));
  const lanes = { ...curve };
  const selection = [];
  for (const name of LANES) {
    const mine = placed.filter(([lane]) => lane === name).map(([, point]) => point);
    const base = kept.get(name);
    if (!base) continue;
    const free = base.filter((point) => !mine.some((other) => Math.abs(other.seconds - point.seconds) < SAME_S));
    const unique = mine.filter((point, i) => !mine.slice(0, i).some((o) => Math.abs(o.seconds - point.seconds) < SAME_S));
    const all = [...free, ...unique].sort((a, b) => a.seconds - b.seconds);
    lanes[name] = all;
    const shown = unique.filter((point) => selected.has(point));
    selection.push(...shown.map((point) => ({ lane: name, index: all.indexOf(point) })));
  }
  return { curve: lanes, selection };
}

// src/svg.ts
var SVG = "http://www.w3.org/2000/svg";
function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  set(element, attributes);
  element.append(...children);
  return element;
}
function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children);
  return element;
}
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}
function pathThrough(points) {
  return points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// ../locales/en/main.json
var main_default = {
  keyface: {
    editor: {
      name: "emotion curve",
      large_name: "emotion curve, large",
      lanes: "valence and arousal over time",
      plane: "valence and arousal",
      tools: "emotion curve tools",
      sound: "sound",
      valence: "valence",
      arousal: "arousal",
      smooth: "smooth",
      linear: "linear",
      hold: "hold",
      play: "Play or stop the sound (space)",
      mode: "How the curve runs on from the chosen points",
      add: "+ feeling",
      add_tip: "Adds a named feeling at the playhead",
      mirror: "Mirror",
      mirror_tip: "Turns chosen points, or all, into the opposite feeling",
      reset: "Reset",
      reset_tip: "Back to neutral throughout",
      copy: "Copy",
      copy_tip: "Copies the curve, for another emotion curve (Ctrl+C)",
      paste: "Paste",
      paste_tip: "Puts in the curve copied from any emotion curve (Ctrl+V)",
      import: "Import",
      import_tip: "Reads a curve from a .csv, .json or .txt file",
      csv_tip: "Saves the curve as a table",
      json_tip: "Saves the curve as the node keeps it",
      zoom_out: "Zooms out (wheel)",
      zoom_in: "Zooms in (wheel)",
      all: "All",
      all_tip: "Shows the whole sound",
      large: "Large",
      large_tip: "Opens a large view",
      close: "Close",
      close_tip: "Closes the large view (Esc)",
      seconds: "seconds",
      exact: "Enter: set, Esc: leave",
      help: "click: add · drag: move, Alt: to keyframes, Ctrl: this lane alone · double click: numbers",
      crowded: "{count} points: zoom in to edit them",
      point: "{lane} {value} at {time} s",
      here: "{value} at {time} s",
      placed: "{state} at {time} s",
      found: "{label}, {from} to {to} s",
      keyframes: "keyframes, every 13 frames",
      drag_state: "{state}: drag it onto the curve",
      no_curve: "what was pasted is no emotion curve: {reason}"
    },
    reading: {
      edit: "Edit this curve",
      first: "Run, then edit the curve here",
      tip: "Puts the curve that was read into an Emotion Curve, where its points can be dragged. A new one takes this node's place; from then on the same one gets it. Ctrl+Z takes it back."
    },
    states: {
      happy: "happy",
      angry: "angry",
      surprised: "surprised",
      sad: "sad",
      neutral: "neutral",
      fear: "fear",
      disgusted: "disgusted",
      contempt: "contempt",
      calm: "calm",
      excited: "excited",
      bored: "bored",
      confused: "confused",
      anxious: "anxious",
      confident: "confident",
      frustrated: "frustrated",
      amused: "amused",
      proud: "proud",
      ashamed: "ashamed",
      grateful: "grateful",
      jealous: "jealous",
      hopeful: "hopeful",
      disappointed: "disappointed",
      curious: "curious",
      overwhelmed: "overwhelmed"
    },
    scales: {
      unknown: "{label}: ?",
      tip: `The model's own scale is in force. Set scales to "as set" to turn this one.`,
      unknown_tip: `The model's own scale is in force; it shows once Load KeyFace Models is connected and finds its file. Set scales to "as set" to turn this one.`
    },
    notes: {
      simple: "# Portrait + voice = video\nChoose a picture and a recording, pick a feeling, run.",
      feeling: "# A change of feeling\nDrag the points of the emotion curve, or write *second:feeling* into it: `0:calm 2.5:surprised 4:happy*0.8`; `6:(-0.4,0.9)` is valence and arousal. The timeline shows what comes when.",
      feeling_words: "# A change of feeling\nWrite *second:feeling* into the emotion curve: `0:calm 2.5:surprised 4:happy*0.8`, or numbers: `6:(-0.4,0.9)` for valence and arousal. The timeline shows what comes when.",
      keyframes: "# Keyframes you can edit\nKeyframes, half a second apart, are ordinary pictures: here they pass through *Sharpen*; a face restorer or a brush fits as well. The frames between them are then filled in. Keep their number and order.",
      keyframes_decoded: "# Keyframes you can edit\nThe keyframes, half a second apart, are decoded, pass through any image node (here *Sharpen*; a face restorer fits as well), are encoded again, and the frames between them are filled in. Keep their number and order.",
      larger: "# Larger pictures\nEvery frame goes through an upscale model before it becomes video. Put one into `models/upscale_models`.",
      long: "# Minutes and hours\n*Render Video* writes frames into the video while they are decoded: an hour takes no more memory than a minute. Every stage is kept: changing the quality of the video samples nothing again. *fp8* weights help on small cards.",
      sampler: "# Any sampler, any noise levels\nThe guiders drive ComfyUI's own *SamplerCustomAdvanced*. *AYS Schedule* has the noise levels KeyFace was made with.",
      photographs: "# Photographs\nNeeds KeyFace's released weights, by their own names. ComfyUI lists what is missing when this opens, with links.",
      repair: "# Repair one keyframe\nLook at the keyframes, write the number or second of a bad one into *Re-roll Keyframes* and try other seeds: all others stay exactly as they are. *Pin Keyframes* in its place does the opposite: what it names stays, the rest is made anew.",
      retouch: "# Retouch a keyframe\nThe pictures of the keyframes pass through *Sharpen*, in whose place any editor fits. *Images to Keyframes* takes back the chosen one, *Pin Keyframes* keeps it and those far from it, and the second *Keyframe Sampler* makes its neighbours fit to it.",
      whole_photo: "# The whole photo, moving\n*Frame Face* cuts out the face's square, and *Animate* lays the moving face back: the video is the whole picture, 16:9 or any other shape. The square stands in `box`; clear it for your own picture and connect a mask, landmarks or boxes, or let a detector find it.",
      two_people: "# Two people, one picture\nEach has a recording, a feeling and a *Frame Face* of their own; who is silent hears *Empty Audio*. The first face is pasted into the picture, the second into the frames of the first.",
      enlarged_face: "# Crop, animate, enlarge, paste back\nWhere the face is large in a large picture, its frames go through an upscale model, or a face restorer, before *Paste Face* lays them back. Put the model into `models/upscale_models`.",
      smooth: "# 50 frames a second\nKeyFace makes 25 frames a second; ComfyUI's own frame interpolation puts one more between every two, and the sound stays in time. Needs a ComfyUI that has the node *Run Frame Interpolation Model*, and its model in `models/frame_interpolation`.",
      driven: "# A feeling from a video\n*Emotion from Video* reads valence and arousal off a filmed face. Its button *Edit this curve* hands them to an *Emotion Curve*, where points can be dragged. Needs ONNX Runtime and an HSEmotion model in `models/keyface`; the node says which.",
      performed: "# How much it moves\n*Motion and Expression* on the keyframe model sets how much the head moves and how strongly the feeling shows; 1 is as trained, 0 holds still. `silence_gate` closes the mouth where a noisy recording says nothing.",
      weights: "[KeyFace's weights](https://huggingface.co/toninio19/keyface) and [a VAE](https://huggingface.co/stabilityai/sd-vae-ft-mse) go into `models/keyface`, the audio encoders (WavLM and BEATs from there, [wav2vec2](https://huggingface.co/facebook/wav2vec2-base-960h)) into `models/audio_encoders`.",
      needs: "**Runs as it is** with the small bundled model, which knows drawn faces of 64 pixels. For photographs put [KeyFace's weights](https://huggingface.co/toninio19/keyface) and [a VAE](https://huggingface.co/stabilityai/sd-vae-ft-mse) into `models/keyface`, the audio encoders (with [wav2vec2](https://huggingface.co/facebook/wav2vec2-base-960h)) into `models/audio_encoders`; *auto* finds them.",
      needs_files: "**Runs as it is** with the small bundled model, which knows drawn faces of 64 pixels. For photographs, put KeyFace's files into `models/keyface`, the audio encoders into `models/audio_encoders` ([released weights](https://huggingface.co/toninio19/keyface), [wav2vec2](https://huggingface.co/facebook/wav2vec2-base-960h)), and any Stable Diffusion 1.x VAE into `models/keyface` ([for example](https://huggingface.co/stabilityai/sd-vae-ft-mse)). *auto* finds them by what they hold."
    }
  }
};

// src/words.ts
var spoken = main_default.keyface;
var say = () => spoken.editor;
var sayReading = () => spoken.reading;
var sayScales = () => spoken.scales;
var stateLabel = (name) => spoken.states[name] ?? name;
function speak(other) {
  const { editor, reading, states, scales, notes } = main_default.keyface;
  spoken = {
    editor: { ...editor, ...other.editor },
    reading: { ...reading, ...other.reading },
    states: { ...states, ...other.states },
    scales: { ...scales, ...other.scales },
    notes: { ...notes, ...other.notes }
  };
}
var fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
function retold(note, known) {
  const keys = new Map(known.flatMap((notes) => Object.entries(notes).map(([key, text]) => [text, key])));
  const now = spoken.notes;
  return note.split("\n\n").map((paragraph) => now[keys.get(paragraph.trim()) ?? ""] ?? paragraph).join("\n\n");
}

// src/exact.ts
var ExactNumbers = class {
  constructor(take2, leave) {
    this.take = take2;
    this.leave = leave;
    this.seconds.setAttribute("aria-label", say().seconds);
    this.element.append(say().seconds, this.seconds, this.lane, this.value, say().exact);
  }
  element = html("span", { class: "kf-exact", hidden: "" });
  seconds = html("input", { type: "number", step: 0.04 });
  value = html("input", { type: "number", step: 0.05 });
  lane = html("span");
  ref = null;
  get open() {
    return this.ref !== null;
  }
  ask(ref, seconds, value) {
    this.ref = ref;
    this.lane.textContent = say()[ref.lane];
    this.value.setAttribute("aria-label", say()[ref.lane]);
    this.seconds.value = String(seconds);
    this.value.value = String(value);
    this.element.hidden = false;
    this.seconds.focus({ preventScroll: true });
    this.seconds.select();
  }
  /** Closes without a change when another point, or none, is chosen. */
  follow(selection) {
    const [only] = selection;
    if (this.ref && !(only && selection.length === 1 && sameRef(only, this.ref))) this.close();
  }
  key({ key }) {
    const { ref } = this;
    if (!ref || key !== "Enter" && key !== "Escape") return;
    const [seconds, value] = [this.seconds.valueAsNumber, this.value.valueAsNumber];
    this.close();
    if (key === "Enter" && Number.isFinite(seconds) && Number.isFinite(value)) this.take(ref, seconds, value);
    else this.leave(ref);
  }
  close() {
    this.ref = null;
    this.element.hidden = true;
  }
};

// src/sound.ts
var SILENT = 2;
function peaksFromBase64(text) {
  const bytes = atob(text);
  return Int8Array.from({ length: bytes.length }, (_, i) => bytes.charCodeAt(i) << 24 >> 24);
}
function peaksOf(channels, rate) {
  const length = channels[0]?.length ?? 0;
  const perFrame = rate / FPS;
  const peaks = new Int8Array(2 * Math.ceil(length / perFrame));
  for (let frame = 0; 2 * frame < peaks.length; frame++) {
    const end = Math.min(length, Math.round((frame + 1) * perFrame));
    let low = 0;
    let high = 0;
    for (let i = Math.round(frame * perFrame); i < end; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const sample = sum / channels.length;
      if (sample < low) low = sample;
      if (sample > high) high = sample;
    }
    peaks[2 * frame] = Math.max(-127, Math.round(127 * low));
    peaks[2 * frame + 1] = Math.min(127, Math.round(127 * high));
  }
  return peaks;
}
function columns(sound, span, count) {
  const { peaks } = sound;
  const frames = peaks.length / 2;
  const loudest2 = loudestOf(peaks);
  return Array.from({ length: count }, (_, column) => {
    const at = (c) => (span.from + (span.to - span.from) * c / count) * FPS;
    const first = Math.max(0, Math.floor(at(column)));
    const last = Math.min(frames, Math.max(first + 1, Math.ceil(at(column + 1))));
    let low = 0;
    let high = 0;
    for (let frame = first; frame < last; frame++) {
      low = Math.min(low, peaks[2 * frame]);
      high = Math.max(high, peaks[2 * frame + 1]);
    }
    return { low: low / loudest2, high: high / loudest2, silent: first < frames && Math.max(high, -low) < SILENT };
  });
}
var loudest = /* @__PURE__ */ new WeakMap();
function loudestOf(peaks) {
  let most = loudest.get(peaks);
  if (most === void 0) {
    most = 8;
    for (const peak of peaks) if (Math.abs(peak) > most) most = Math.abs(peak);
    loudest.set(peaks, most);
  }
  return most;
}
var decoded = /* @__PURE__ */ new Map();
function soundAt(url) {
  let sound = decoded.get(url);
  if (!sound) {
    sound = load(url);
    sound.catch(() => decoded.delete(url));
    decoded.set(url, sound);
  }
  return sound;
}
async function load(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const context = new OfflineAudioContext(1, 1, 16e3);
  const audio = await context.decodeAudioData(await response.arrayBuffer());
  const channels = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
  return { seconds: audio.duration, peaks: peaksOf(channels, audio.sampleRate), url };
}

// src/lanes.ts
var LABEL_WIDTH = 52;
var AXIS_HEIGHT = 18;
var KEYFRAMES_HEIGHT = 12;
var SOUND_SHARE = 0.24;
var GAP = 5;
var PADDING = 8;
var MOST_HANDLES = 400;
var CURVE_STEP_PX = 2;
function layoutOf(width, height) {
  const left2 = LABEL_WIDTH;
  const wide = Math.max(40, width - left2 - PADDING);
  const usable = Math.max(60, height - AXIS_HEIGHT - KEYFRAMES_HEIGHT - 4 * GAP);
  const sound = { left: left2, top: GAP, width: wide, height: usable * SOUND_SHARE };
  const tall = (usable - sound.height) / 2;
  const valence = { left: left2, top: sound.top + sound.height + GAP, width: wide, height: tall };
  const arousal = { ...valence, top: valence.top + tall + GAP };
  const keyframes = { ...arousal, top: arousal.top + tall + GAP, height: KEYFRAMES_HEIGHT };
  const axis = { ...keyframes, top: keyframes.top + KEYFRAMES_HEIGHT, height: AXIS_HEIGHT };
  const time = { left: left2, top: sound.top, width: wide, height: axis.top - sound.top };
  return { width, height, sound, valence, arousal, keyframes, axis, time };
}
function valueArea(area) {
  return { ...area, top: area.top + PADDING, height: Math.max(1, area.height - 2 * PADDING) };
}
function drawGround(layout, span, duration, sound, vocalizations) {
  const parts = [];
  for (const name of ["sound", ...LANES]) {
    const area = layout[name];
    parts.push(svg("rect", { ...rect(area), class: "kf-panel", rx: 3 }));
    const label = svg("text", { x: area.left - 6, y: area.top + area.height / 2, class: `kf-label kf-${name}` }, say()[name]);
    parts.push(label);
  }
  const marks = ticks(span, layout.axis);
  for (const seconds of marks) {
    const x = xOf(seconds, span, layout.time);
    parts.push(svg("line", { x1: x, x2: x, y1: layout.time.top, y2: layout.axis.top, class: "kf-grid" }));
    const digits = marks.length > 1 && marks[1] - marks[0] < 1 ? marks[1] - marks[0] < 0.1 ? 2 : 1 : 0;
    const y = layout.axis.top + layout.axis.height - 5;
    parts.push(svg("text", { x, y, class: "kf-time" }, clock(seconds, digits)));
  }
  for (const name of LANES) {
    const y = yOf(0, valueArea(layout[name]));
    parts.push(svg("line", { x1: layout.time.left, x2: layout.time.left + layout.time.width, y1: y, y2: y, class: "kf-zero" }));
  }
  if (sound) parts.push(...waveform(layout.sound, span, sound));
  parts.push(...found(layout.sound, span, vocalizations));
  parts.push(keyframeTicks(layout.keyframes, span));
  const end = xOf(duration, span, layout.time);
  if (end < layout.time.left + layout.time.width)
    parts.push(svg("rect", { ...rect({ ...layout.time, left: end, width: layout.time.left + layout.time.width - end }), class: "kf-behind" }));
  return parts;
}
function drawCurve(layout, span, curve, name) {
  const area = valueArea(layout[name]);
  const sample = sampler(curve[name]);
  const steps = Math.max(2, Math.round(area.width / CURVE_STEP_PX));
  const points = Array.from({ length: steps + 1 }, (_, i) => {
    const seconds = span.from + (span.to - span.from) * i / steps;
    return [xOf(seconds, span, area), yOf(sample(seconds), area)];
  });
  return svg("path", { d: pathThrough(points), class: `kf-curve kf-${name}` });
}
var Handles = class {
  element = svg("g");
  known = /* @__PURE__ */ new Map();
  /** Elements are kept and only moved: one under the pointer or with the focus must not be replaced. */
  draw(layout, span, curve, selection) {
    const seen = inTimeOrder(curve).filter(({ lane, index }) => {
      const { seconds } = curve[lane][index];
      return seconds >= span.from - 1e-6 && seconds <= span.to + 1e-6;
    });
    const shown = seen.length > MOST_HANDLES ? [] : seen.map((ref) => this.handle(layout, span, curve, ref, selection));
    const children = this.element.children;
    if (shown.length !== children.length || shown.some((handle, i) => handle !== children[i]))
      this.element.replaceChildren(...shown);
  }
  find(ref) {
    return this.known.get(refKey(ref));
  }
  handle(layout, span, curve, ref, selection) {
    const key = refKey(ref);
    let handle = this.known.get(key);
    if (!handle) {
      handle = svg("circle", { tabindex: 0, role: "slider", "aria-valuemin": -1, "aria-valuemax": 1, "data-ref": key });
      handle.append(svg("title"));
      this.known.set(key, handle);
    }
    const point = curve[ref.lane][ref.index];
    const chosen = selection.has(key);
    const area = valueArea(layout[ref.lane]);
    const described = describe(ref.lane, point);
    set(handle, {
      cx: xOf(point.seconds, span, area),
      cy: yOf(point.value, area),
      r: chosen ? 6 : 4.5,
      class: `kf-point kf-${ref.lane} kf-${point.mode}${chosen ? " kf-chosen" : ""}`,
      "aria-label": described,
      "aria-valuenow": point.value,
      "aria-valuetext": described
    });
    handle.firstElementChild.textContent = `${described}, ${say()[point.mode]}`;
    return handle;
  }
};
var describe = (lane, { seconds, value }) => fill(say().point, { lane: say()[lane], value, time: clock(seconds, 2) });
function waveform(area, span, sound) {
  const count = Math.max(1, Math.round(area.width));
  const middle = area.top + area.height / 2;
  const half = area.height / 2 - 3;
  let loud = "";
  let quiet = "";
  columns(sound, span, count).forEach(({ low, high, silent }, i) => {
    const x = (area.left + i * area.width / count).toFixed(1);
    if (silent) quiet += `M${x} ${area.top}v${area.height}`;
    loud += `M${x} ${(middle - half * high - 0.5).toFixed(1)}V${(middle - half * low + 0.5).toFixed(1)}`;
  });
  return [svg("path", { d: quiet, class: "kf-silence" }), svg("path", { d: loud, class: "kf-wave" })];
}
function found(area, span, vocalizations) {
  return vocalizations.filter(({ start, end }) => end > span.from && start < span.to).flatMap(({ start, end, label }) => {
    const left2 = Math.max(area.left, xOf(start, span, area));
    const right = Math.min(area.left + area.width, xOf(end, span, area));
    const mark = svg("rect", { ...rect({ ...area, left: left2, width: Math.max(2, right - left2) }), class: "kf-found" });
    mark.append(svg("title", {}, fill(say().found, { label, from: clock(start), to: clock(end) })));
    return [mark, svg("text", { x: left2 + 3, y: area.top + 10, class: "kf-found-label" }, label)];
  });
}
function keyframeTicks(area, span) {
  const { first, last } = keyframesIn(span);
  const room = area.width / Math.max(1, last - first);
  const every = room >= 3 ? 1 : Math.ceil(3 / Math.max(room, 1e-3));
  let d = "";
  for (let k = Math.ceil(first / every) * every; k <= last; k += every) {
    const x = xOf(k * KEYFRAME_S, span, area).toFixed(1);
    d += `M${x} ${area.top}v${area.height - 4}`;
  }
  return svg("path", { d, class: "kf-keyframes" }, svg("title", {}, say().keyframes));
}
var rect = ({ left: left2, top, width, height }) => ({ x: left2, y: top, width: Math.max(0, width), height });

// src/gestures.ts
var SLACK_PX = 4;
var REACH_PX = 9;
var NAMED_SLACK_PX = 10;
var VALUE_STEP = 0.02;
var COARSE = 5;
var Gestures = class {
  constructor(editor, element, lanes, plane) {
    this.editor = editor;
    this.lanes = lanes;
    this.plane = plane;
    lanes.addEventListener("pointerdown", (event) => this.press(event));
    lanes.addEventListener("pointermove", (event) => this.move(event));
    lanes.addEventListener("pointerup", (event) => this.release(event));
    lanes.addEventListener("pointercancel", () => this.cancel());
    lanes.addEventListener("dblclick", (event) => this.doubleClick(event));
    lanes.addEventListener("focusin", (event) => this.focused(event));
    plane.addEventListener("pointerdown", (event) => this.pickState(event));
    plane.addEventListener("pointermove", (event) => this.carryState(event));
    plane.addEventListener("pointerup", (event) => this.dropState(event));
    plane.addEventListener("pointercancel", () => this.cancel());
    for (const name of ["pointerdown", "contextmenu"]) element.addEventListener(name, (event) => event.stopPropagation());
  }
  drag = null;
  box = null;
  state = null;
  press(event) {
    if (event.button !== 0 || this.editor.error) return;
    const place = this.placeOf(event);
    this.lanes.setPointerCapture(event.pointerId);
    const ref = this.pointAt(place);
    if (!ref) {
      if (this.laneAt(place)) this.box = place;
      else this.editor.setPlayhead(this.editor.timeAt(place.x, event.altKey));
      return;
    }
    const chosen = this.editor.selection;
    const among = chosen.some((other) => sameRef(other, ref));
    const refs = event.shiftKey ? toggled(chosen, ref) : among ? chosen : [ref];
    this.editor.select(refs);
    this.editor.focus(ref);
    const along = event.ctrlKey || event.metaKey ? [] : partners(this.editor.curve, refs);
    const named = wordAt(this.editor.curve, ref) !== null;
    this.drag = { start: place, before: this.editor.curve, refs, along, named, moved: false };
  }
  move(event) {
    const place = this.placeOf(event);
    if (this.drag) this.dragTo(place, event.altKey);
    else if (this.box) this.editor.drawBox(boxOf(this.box, place));
  }
  dragTo(place, snap) {
    const { drag, editor } = this;
    if (!drag || drag.refs.length === 0) return;
    if (!drag.moved && Math.hypot(place.x - drag.start.x, place.y - drag.start.y) < SLACK_PX) return;
    drag.moved = true;
    const { time } = editor.layout;
    const area = valueArea(editor.layout.valence);
    const perSecond = time.width / (editor.span.to - editor.span.from);
    const lead = drag.before[drag.refs[0].lane][drag.refs[0].index];
    const wanted = lead.seconds + (place.x - drag.start.x) / perSecond;
    const seconds = snap ? editor.timeAt(xOf(wanted, editor.span, time), true) : wanted;
    const up = drag.named ? beyond(place.y - drag.start.y, NAMED_SLACK_PX) : place.y - drag.start.y;
    const value = valueAt(drag.start.y + up, area) - valueAt(drag.start.y, area);
    editor.preview(movePoints(drag.before, drag.refs, seconds - lead.seconds, value, drag.along));
    this.sayWhere(editor.selection[0]);
  }
  /** Says value, time and feeling beside a point. */
  sayWhere(ref) {
    const { curve, span, layout } = this.editor;
    const point = ref && curve[ref.lane][ref.index];
    if (!point) return;
    const [name, factor] = wordAt(curve, ref)?.split("*") ?? [];
    const word = name ? ` · ${stateLabel(name)}${factor ? ` × ${factor}` : ""}` : "";
    const here = fill(say().here, { value: point.value, time: clock(point.seconds, 2) });
    this.editor.label(here + word, xOf(point.seconds, span, layout.time), yOf(point.value, valueArea(layout[ref.lane])));
  }
  release(event) {
    const { editor, drag, box } = this;
    this.drag = this.box = null;
    editor.drawBox(null);
    editor.label("");
    if (drag) {
      if (drag.moved) editor.commit();
      return;
    }
    if (!box) return;
    const place = this.placeOf(event);
    if (Math.hypot(place.x - box.x, place.y - box.y) >= SLACK_PX) {
      const inside = this.within(boxOf(box, place));
      editor.select(event.shiftKey ? [...editor.selection, ...inside] : inside);
      return;
    }
    const lane = this.laneAt(place);
    if (!lane) return;
    if (event.shiftKey) {
      editor.select([]);
      return;
    }
    const value = valueAt(place.y, valueArea(editor.layout[lane]));
    const edited = addPoint(editor.curve, lane, editor.timeAt(place.x, event.altKey), value);
    editor.apply(edited);
    editor.focus(edited.selection[0]);
  }
  cancel() {
    const dragged = this.drag?.moved;
    this.drag = this.box = this.state = null;
    this.editor.drawBox(null);
    this.editor.label("");
    if (dragged) this.editor.revert();
  }
  doubleClick(event) {
    const ref = this.pointAt(this.placeOf(event));
    if (!ref) return;
    this.editor.select([ref]);
    this.editor.editExactly();
  }
  wheel(event) {
    event.preventDefault();
    const { editor } = this;
    const tools = event.target.closest(".kf-tools");
    if (tools) {
      tools.scrollLeft += event.deltaX + event.deltaY;
      return;
    }
    const length = editor.span.to - editor.span.from;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      editor.scroll((event.deltaX || event.deltaY) / 500 * length);
      return;
    }
    const { time } = editor.layout;
    const x = Math.max(time.left, Math.min(time.left + time.width, this.placeOf(event).x));
    editor.zoom(Math.exp(event.deltaY / 400), editor.timeAt(x, false));
  }
  focused(event) {
    const ref = refOf(event.target);
    const chosen = this.editor.selection;
    if (ref && !this.drag && !chosen.some((other) => sameRef(other, ref))) this.editor.select([ref]);
  }
  pickState(event) {
    const name = event.target.getAttribute("data-state");
    if (!name || this.editor.error) return;
    this.state = name;
    this.plane.setPointerCapture(event.pointerId);
  }
  carryState(event) {
    if (!this.state) return;
    const place = this.placeOf(event);
    const time = clock(this.editor.timeAt(place.x, event.altKey), 2);
    this.editor.label(this.overTime(place) ? fill(say().placed, { state: stateLabel(this.state), time }) : "", place.x, place.y);
  }
  /** A state let go over the lanes becomes a point there; a click on it, one at the playhead. */
  dropState(event) {
    const { editor, state } = this;
    this.state = null;
    if (!state) return;
    editor.label("");
    const place = this.placeOf(event);
    const onLanes = this.overTime(place);
    const seconds = onLanes ? editor.timeAt(place.x, event.altKey) : editor.playhead;
    if (onLanes || event.target.getAttribute("data-state") === state || place.x > editor.layout.width)
      editor.apply(addState(editor.curve, state, rounded(seconds)));
  }
  overTime({ x, y }) {
    const { time } = this.editor.layout;
    return x >= time.left && x <= time.left + time.width && y >= time.top && y <= time.top + time.height;
  }
  /** What a key does, whatever in the editor has the focus. */
  key(event) {
    const target = event.target;
    if (target.closest("input")) return;
    if (event.ctrlKey || event.metaKey) {
      const key = event.key.toLowerCase();
      if (key === "a") this.editor.select(allRefs(this.editor.curve));
      else if (key === "z" || key === "y") event.repeat || this.editor.goBack(key === "y" || event.shiftKey);
      else if (key !== "s") return;
    } else if (target.closest("button, select") && !["Delete", "Backspace", "Escape"].includes(event.key)) {
      return;
    } else if (event.key === " ") {
      this.editor.togglePlay();
    } else if (!this.keyOnPoints(event)) {
      return;
    }
    event.preventDefault();
  }
  keyOnPoints(event) {
    const { editor } = this;
    const refs = editor.selection;
    if (refs.length === 0 || editor.error) return false;
    const coarse = event.shiftKey ? COARSE : 1;
    const time = event.altKey ? KEYFRAME_S : coarse / FPS;
    const steps = {
      ArrowLeft: [-time, 0],
      ArrowRight: [time, 0],
      ArrowUp: [0, VALUE_STEP * coarse],
      ArrowDown: [0, -VALUE_STEP * coarse]
    };
    const step = steps[event.key];
    if (step) {
      editor.apply(movePoints(editor.curve, refs, ...step, partners(editor.curve, refs)));
      editor.focus(editor.selection[0]);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      editor.apply(deletePoints(editor.curve, refs));
      editor.focus();
    } else if (event.key === "Enter") {
      editor.editExactly();
    } else if (event.key === "Escape") {
      editor.select([]);
      editor.focus();
    } else {
      return false;
    }
    return true;
  }
  /** Where an event lies in the lanes' own pixels, however far the canvas is zoomed. */
  placeOf(event) {
    const { layout } = this.editor;
    const shown = this.lanes.getBoundingClientRect();
    const scale = shown.width / layout.width || 1;
    return { x: (event.clientX - shown.left) / scale, y: (event.clientY - shown.top) / scale };
  }
  laneAt({ x, y }) {
    const inside = ({ left: left2, top, width, height }) => x >= left2 - SLACK_PX && x <= left2 + width + SLACK_PX && y >= top && y <= top + height;
    return LANES.find((lane) => inside(this.editor.layout[lane])) ?? null;
  }
  /** The nearest point that is within reach, if points are shown at all. */
  pointAt({ x, y }) {
    const { curve, span, layout } = this.editor;
    if (!this.lanes.querySelector(".kf-point")) return null;
    let nearest = null;
    let least = REACH_PX;
    for (const ref of allRefs(curve)) {
      const { seconds, value } = curve[ref.lane][ref.index];
      const distance = Math.hypot(xOf(seconds, span, layout.time) - x, yOf(value, valueArea(layout[ref.lane])) - y);
      if (distance < least) [nearest, least] = [ref, distance];
    }
    return nearest;
  }
  within(box) {
    const { curve, span, layout } = this.editor;
    return allRefs(curve).filter(({ lane, index }) => {
      const { seconds, value } = curve[lane][index];
      const x = xOf(seconds, span, layout.time);
      const y = yOf(value, valueArea(layout[lane]));
      return x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
    });
  }
};
var beyond = (way, slack) => Math.sign(way) * Math.max(0, Math.abs(way) - slack);
var boxOf = (a, b) => ({
  x: Math.min(a.x, b.x),
  y: Math.min(a.y, b.y),
  width: Math.abs(a.x - b.x),
  height: Math.abs(a.y - b.y)
});
var toggled = (refs, ref) => refs.some((other) => sameRef(other, ref)) ? refs.filter((other) => !sameRef(other, ref)) : [ref, ...refs];
function refOf(target) {
  const key = target?.getAttribute?.("data-ref");
  const [lane, index] = key?.split(" ") ?? [];
  return lane ? { lane, index: Number(index) } : null;
}

// src/keyboard.ts
var MODIFIERS = ["Shift", "Control", "Alt", "Meta"];
var claimants = /* @__PURE__ */ new Set();
var holder = null;
function claim(claimant) {
  claimants.add(claimant);
}
function release(claimant) {
  claimants.delete(claimant);
  if (holder === claimant) holder = null;
}
var holds = (claimant) => holder === claimant;
function hand(claimant) {
  holder = claimant;
  settle(claimant);
}
function settle(claimant) {
  if (holder !== claimant || !nothingFocused()) return;
  claimant.element.focus({ preventScroll: true });
}
var nothingFocused = () => !document.activeElement || document.activeElement === document.body || document.activeElement === document.documentElement;
function around(target) {
  if (!(target instanceof Node)) return null;
  for (const claimant of claimants) if (claimant.element.contains(target)) return claimant;
  return null;
}
function owner(event) {
  return around(event.target) ?? (nothingFocused() ? holder : null);
}
function take(name, act, whose = owner) {
  const listener = (event) => {
    const claimant = whose(event);
    if (!claimant) return;
    event.stopPropagation();
    act(claimant, event);
  };
  window.addEventListener(name, listener, { capture: true, passive: false });
}
for (const name of ["pointerdown", "focusin"])
  window.addEventListener(name, ({ target }) => holder = around(target), true);
take("keydown", (claimant, event) => claimant.key(event));
take("keyup", () => {
}, (event) => MODIFIERS.includes(event.key) ? null : owner(event));
take("copy", (claimant, event) => claimant.copy(event));
take("cut", () => {
});
take("paste", (claimant, event) => claimant.paste(event));
take("wheel", (claimant, event) => claimant.wheel(event), (event) => around(event.target));

// src/plane.ts
var EDGE = 12;
var TRAIL_POINTS = 240;
var NAME_HEIGHT = 10;
var Plane = class {
  element = svg("svg", { class: "kf-plane", role: "img", "aria-label": say().plane });
  landmarks = svg("g");
  trail = svg("path", { class: "kf-trail" });
  now = svg("circle", { class: "kf-now", r: 5 });
  name = svg("text", { class: "kf-feeling" });
  side = 120;
  nearest = "neutral";
  pointed = null;
  constructor() {
    this.element.append(this.landmarks, this.trail, this.now, this.name);
    this.element.addEventListener("pointerover", ({ target }) => this.point(target.getAttribute("data-state")));
    this.element.addEventListener("pointerleave", () => this.point(null));
  }
  /** Draws the landmarks anew for a side in pixels. */
  resize(side) {
    this.side = side;
    this.element.setAttribute("width", String(side));
    this.element.setAttribute("height", String(side));
    const middle = side / 2;
    const axes = svg("path", { d: `M${EDGE} ${middle}H${side - EDGE}M${middle} ${EDGE}V${side - EDGE}`, class: "kf-zero" });
    const texts = [
      svg("text", { x: side - 3, y: middle - 4, class: "kf-plane-label kf-valence", "text-anchor": "end" }, say().valence),
      svg("text", { x: middle + 4, y: 10, class: "kf-plane-label kf-arousal" }, say().arousal)
    ];
    const dots = Object.entries(STATES).map(([name, [v, a]]) => {
      const [x, y] = this.at(v, a);
      const dot = svg("circle", { cx: x, cy: y, r: 3.5, class: "kf-state", "data-state": name });
      dot.append(svg("title", {}, fill(say().drag_state, { state: stateLabel(name) })));
      return dot;
    });
    texts.push(...this.names());
    this.landmarks.replaceChildren(
      svg("rect", { x: 0, y: 0, width: side, height: side, rx: 3, class: "kf-panel" }),
      axes,
      ...texts,
      ...dots
    );
  }
  drawTrail(curve, duration) {
    const [valence, arousal] = [sampler(curve.valence), sampler(curve.arousal)];
    const points = Array.from({ length: TRAIL_POINTS + 1 }, (_, i) => {
      const seconds = duration * i / TRAIL_POINTS;
      return this.at(valence(seconds), arousal(seconds));
    });
    this.trail.setAttribute("d", pathThrough(points));
  }
  /** The names beside their dots, as many as have room; the others are read by pointing at them. */
  names() {
    const middle = this.side / 2;
    const places = Object.entries(STATES).map(([name, [v, a]]) => [stateLabel(name), ...this.at(v, a)]);
    const taken = [
      ...places.map(([, x, y]) => ({ left: x - 4, top: y - 4, width: 8, height: 8 })),
      { left: this.side - 44, top: middle - 13, width: 44, height: 12 },
      { left: middle, top: 0, width: 48, height: 12 },
      { left: 0, top: this.side - 16, width: this.side / 2, height: 16 }
    ];
    const texts = [];
    for (const [label, x, y] of places) {
      const width = widthOf(label);
      const free = [
        { left: x + 6, top: y - 5 },
        { left: x - 6 - width, top: y - 5 },
        { left: x - width / 2, top: y - 15 },
        { left: x - width / 2, top: y + 5 }
      ].map((place) => ({ ...place, width, height: NAME_HEIGHT })).find((box) => this.inside(box) && !taken.some((other) => overlap(box, other)));
      if (!free) continue;
      taken.push(free);
      texts.push(svg("text", { x: free.left, y: free.top + 8, class: "kf-state-name" }, label));
    }
    return texts;
  }
  inside({ left: left2, top, width, height }) {
    return left2 >= 1 && top >= 1 && left2 + width <= this.side - 1 && top + height <= this.side - 1;
  }
  /** Says which state the pointer is on. */
  point(state) {
    this.pointed = state;
    this.name.textContent = stateLabel(state ?? this.nearest);
    this.name.classList.toggle("kf-pointed", state !== null);
  }
  drawFeeling(valence, arousal) {
    const [x, y] = this.at(valence, arousal);
    this.now.setAttribute("cx", String(x));
    this.now.setAttribute("cy", String(y));
    this.name.setAttribute("x", "6");
    this.name.setAttribute("y", String(this.side - 6));
    this.nearest = nearestState(valence, arousal);
    this.point(this.pointed);
  }
  at(valence, arousal) {
    const half = this.side / 2 - EDGE;
    return [this.side / 2 + valence * half, this.side / 2 - arousal * half];
  }
};
var overlap = (a, b) => a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
var widthOf = (text) => [...text].reduce((sum, letter) => sum + (letter > "⹿" ? 9 : 5.1), 0);

// src/player.ts
var Player = class {
  constructor(onTime) {
    this.onTime = onTime;
    this.audio.addEventListener("ended", () => this.stop());
  }
  audio = new Audio();
  url = "";
  frame = 0;
  get playing() {
    return this.frame !== 0;
  }
  get canPlay() {
    return this.url !== "";
  }
  setUrl(url) {
    if (url === this.url) return;
    this.stop();
    this.url = url;
    this.audio.preload = "none";
    if (url) this.audio.src = url;
    else this.audio.removeAttribute("src");
  }
  toggle(from) {
    if (this.playing) this.stop();
    else if (this.canPlay) void this.start(from);
  }
  stop() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.audio.pause();
    this.onTime(this.audio.currentTime || 0);
  }
  async start(from) {
    this.audio.currentTime = this.audio.duration && from >= this.audio.duration - 0.05 ? 0 : from;
    try {
      await this.audio.play();
    } catch (error) {
      console.warn("KeyFace: the sound cannot be played:", error);
      return;
    }
    const tick = () => {
      this.onTime(this.audio.currentTime);
      if (this.frame) this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }
};

// src/tools.ts
var clipboard = "";
var Tools = class {
  constructor(editor, enlarge) {
    this.editor = editor;
    const words = say();
    this.play.classList.add("kf-play");
    for (const mode of MODES) this.mode.append(html("option", { value: mode }, words[mode]));
    this.mode.addEventListener("change", () => {
      if (editor.selection.length && !editor.error)
        editor.apply(setMode(editor.curve, editor.selection, this.mode.value));
    });
    this.states.append(html("option", { value: "" }, words.add));
    for (const name of Object.keys(STATES)) this.states.append(html("option", { value: name }, stateLabel(name)));
    this.states.addEventListener("change", () => {
      if (this.states.value && !editor.error)
        editor.apply(addState(editor.curve, this.states.value, rounded(editor.playhead)));
      this.states.value = "";
    });
    const mirror2 = this.button(
      words.mirror,
      words.mirror_tip,
      () => editor.apply(mirror(editor.curve, editor.selection))
    );
    this.changing = [this.mode, this.states, mirror2, this.paste];
    this.element.append(
      this.play,
      this.states,
      this.mode,
      mirror2,
      this.button(words.reset, words.reset_tip, () => editor.reset()),
      this.button(words.copy, words.copy_tip, () => this.copyCurve()),
      this.paste,
      this.button(words.import, words.import_tip, () => this.load()),
      this.button("CSV", words.csv_tip, () => save("emotion.csv", toCsv(editor.curve))),
      this.button("JSON", words.json_tip, () => save("emotion.json", serialize(editor.curve))),
      html("span", { class: "kf-space" }),
      this.button("−", words.zoom_out, () => editor.zoom(1.6)),
      this.button("+", words.zoom_in, () => editor.zoom(1 / 1.6)),
      this.button(words.all, words.all_tip, () => editor.setSpan({ from: 0, to: editor.duration }))
    );
    if (enlarge) this.element.append(this.button("⤢", words.large_tip, enlarge));
  }
  element = html("div", { class: "kf-tools", role: "toolbar", "aria-label": say().tools });
  play = this.button("▶", say().play, () => this.editor.togglePlay());
  mode = html("select", { title: say().mode, "aria-label": say().mode });
  states = html("select", { title: say().add_tip, "aria-label": say().add_tip });
  paste = this.button(say().paste, say().paste_tip, () => this.pasteCurve(clipboard));
  changing;
  /** Shows what can be done now. */
  update(playing, canPlay) {
    const { editor } = this;
    this.play.textContent = playing ? "❚❚" : "▶";
    enable(this.play, canPlay);
    for (const tool of this.changing) enable(tool, editor.error === "");
    if (clipboard === "") enable(this.paste, false);
    if (editor.selection.length === 0) enable(this.mode, false);
    const modes = new Set(editor.selection.map(({ lane, index }) => editor.curve[lane][index]?.mode));
    const [only] = modes;
    this.mode.value = modes.size === 1 && only ? only : "";
  }
  /** Takes the curve along; returns it as text. */
  copyCurve() {
    clipboard = serialize(this.editor.curve);
    navigator.clipboard?.writeText(clipboard).catch((error) => console.debug("KeyFace: not copied:", error));
    this.editor.select(this.editor.selection);
    return clipboard;
  }
  /** Puts in a curve from the clipboard, whoever wrote it there. */
  pasteCurve(text) {
    if (this.editor.error || text.trim() === "") return;
    this.take(say().no_curve, () => parse(text));
  }
  button(text, title, action) {
    const button = html("button", { type: "button", title, "aria-label": title }, text);
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") !== "true") action();
    });
    return button;
  }
  load() {
    const input = html("input", { type: "file", accept: ".csv,.json,.txt" });
    input.addEventListener("change", async () => {
      const file = input.files?.[0];
      if (!file) return;
      const text = decoded2(await file.arrayBuffer());
      const csv = file.name.toLowerCase().endsWith(".csv");
      this.take(`${file.name}: {reason}`, () => csv ? fromCsv(text) : parse(text));
    });
    input.click();
  }
  take(wrong, read) {
    try {
      this.editor.apply({ curve: read(), selection: [] });
    } catch (error) {
      if (!(error instanceof CurveError)) throw error;
      this.editor.tell(fill(wrong, { reason: error.message }));
    }
  }
};
function enable(tool, can) {
  tool.setAttribute("aria-disabled", String(!can));
  tool.classList.toggle("kf-off", !can);
}
function decoded2(bytes) {
  const [a, b] = new Uint8Array(bytes.slice(0, 2));
  const wide = a === 255 && b === 254 ? "utf-16le" : a === 254 && b === 255 ? "utf-16be" : "utf-8";
  return new TextDecoder(wide).decode(bytes);
}
function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  html("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1e3);
}

// src/editor.ts
var WATCH_MS = 120;
var DEFAULT_S = 10;
var PLANE_SHARE = 0.34;
var LARGEST_PLANE = 420;
var PATIENCE_MS = 3e3;
var left = /* @__PURE__ */ new Map();
var CurveEditor = class {
  constructor(source, enlarge) {
    this.source = source;
    this.tools = new Tools(this, enlarge);
    this.exact = new ExactNumbers(
      (ref, seconds, value) => {
        this.apply(setPoint(this.curve, ref, seconds, value));
        this.focus(this.selection[0]);
      },
      (ref) => this.focus(ref)
    );
    this.lanes.append(this.ground, this.curves, this.overlay, this.handles.element, this.value);
    const body = html("div", { class: "kf-body" }, this.lanes, this.plane.element);
    this.status.append(this.exact.element, this.message);
    this.element.append(this.tools.element, body, this.status);
    const gestures = new Gestures(this, this.element, this.lanes, this.plane.element);
    this.claimant = {
      element: this.element,
      key: (event) => {
        this.follow();
        if (this.exact.open && event.target instanceof HTMLInputElement) this.exact.key(event);
        else gestures.key(event);
      },
      wheel: (event) => gestures.wheel(event),
      copy: (event) => this.copy(event),
      paste: (event) => this.paste(event)
    };
    this.element.addEventListener("pointerdown", () => this.follow(), true);
    this.observer.observe(body);
    this.wake();
  }
  element = html("div", { class: "kf-editor", role: "group", "aria-label": say().name, tabindex: -1 });
  curve = EMPTY;
  selection = [];
  span = { from: 0, to: DEFAULT_S };
  layout = layoutOf(0, 0);
  error = "";
  playhead = 0;
  lanes = svg("svg", { class: "kf-lanes", role: "group", "aria-label": say().lanes });
  plane = new Plane();
  player = new Player((seconds) => this.setPlayhead(seconds));
  tools;
  exact;
  claimant;
  text = null;
  /** Whether the text is kept in words where words can say it. */
  words = false;
  heard = null;
  marks = [];
  /** Until when the sound may still come that the restored span belongs to. */
  patience = 0;
  ground = svg("g");
  curves = svg("g");
  handles = new Handles();
  overlay = svg("g");
  value = svg("text", { class: "kf-value" });
  message = html("span");
  status = html("div", { class: "kf-status", role: "status", "aria-live": "polite" });
  observer = new ResizeObserver(() => this.resize());
  watch;
  /** Starts to follow the text, or goes on after `rest`; where undo put it back, as it was left. */
  wake(restored = false) {
    claim(this.claimant);
    if (restored) this.takeOver();
    this.watch ??= setInterval(() => this.follow(), WATCH_MS);
    this.follow();
  }
  /** Stops following the text and playing; what holds the element is up to its owner. */
  rest() {
    left.set(this.source.key(), { span: this.span, playhead: this.playhead, held: holds(this.claimant) });
    release(this.claimant);
    clearInterval(this.watch);
    this.watch = void 0;
    this.player.stop();
  }
  /** Seconds of the sound; without one, of the curve with some room behind it. */
  get duration() {
    const last = Math.max(0, ...LANES.map((lane) => this.curve[lane].at(-1)?.seconds ?? 0));
    return this.heard?.seconds ?? Math.max(DEFAULT_S, 1.2 * last);
  }
  /** Puts another tool into the row. */
  addTool(tool) {
    this.tools.element.append(tool);
  }
  apply({ curve, selection }) {
    this.preview({ curve, selection });
    this.commit();
  }
  preview({ curve, selection }) {
    this.curve = curve;
    this.selection = selection;
    this.draw();
  }
  commit() {
    this.text = this.words && toWords(this.curve) || serialize(this.curve);
    this.source.write(this.text);
    this.draw();
  }
  revert() {
    this.text = null;
    this.follow();
  }
  reset() {
    this.error = "";
    this.words = true;
    this.apply(reset());
  }
  goBack(redo) {
    this.source.goBack(redo);
  }
  select(selection) {
    this.selection = selection;
    this.draw();
  }
  focus(ref) {
    const handle = ref && this.handles.find(ref);
    (handle ?? this.element).focus({ preventScroll: true });
  }
  editExactly() {
    const [ref] = this.selection;
    if (this.selection.length !== 1 || !ref) return;
    const { seconds, value } = this.curve[ref.lane][ref.index];
    this.exact.ask(ref, seconds, value);
    this.drawStatus();
  }
  setSpan(span) {
    this.span = span;
    this.draw(true);
  }
  zoom(factor, about = (this.span.from + this.span.to) / 2) {
    this.setSpan(zoomed(this.span, factor, about, this.duration));
  }
  scroll(seconds) {
    this.setSpan(shifted(this.span, seconds, this.duration));
  }
  setPlayhead(seconds) {
    this.playhead = Math.max(0, Math.min(seconds, this.duration));
    if (this.player.playing && this.playhead > this.span.to) this.scroll(this.span.to - this.span.from);
    this.drawPlayhead();
    this.tools.update(this.player.playing, this.player.canPlay);
  }
  togglePlay() {
    this.player.toggle(this.playhead);
  }
  tell(message) {
    this.status.classList.add("kf-wrong");
    this.message.textContent = message;
  }
  drawBox(box) {
    this.overlay.querySelector(".kf-box")?.remove();
    if (box) this.overlay.append(svg("rect", { ...box, class: "kf-box" }));
  }
  label(text, x = 0, y = 0) {
    const right = x > this.layout.time.left + this.layout.time.width * 0.6;
    this.value.textContent = text;
    this.value.setAttribute("x", String(x + (right ? -12 : 12)));
    this.value.setAttribute("y", String(y < 24 ? y + 20 : y - 8));
    this.value.setAttribute("text-anchor", right ? "end" : "start");
  }
  timeAt(x, snap) {
    const seconds = Math.max(0, secondsAt(x, this.span, this.layout.time));
    return rounded(snap ? snapped(seconds) : seconds);
  }
  copy(event) {
    if (event.target instanceof HTMLInputElement) return;
    event.clipboardData?.setData("text/plain", this.tools.copyCurve());
    event.preventDefault();
  }
  paste(event) {
    if (event.target instanceof HTMLInputElement) return;
    this.tools.pasteCurve(event.clipboardData?.getData("text/plain") ?? "");
    event.preventDefault();
  }
  follow() {
    settle(this.claimant);
    const text = this.source.read();
    const sound = this.source.sound();
    const marks = this.source.vocalizations();
    const other = sound !== this.heard || marks !== this.marks;
    if (text === this.text && !other) return;
    const whole = this.span.from === 0 && this.span.to >= this.duration - 1e-6;
    this.heard = sound;
    this.marks = marks;
    if (text !== this.text) this.take(text);
    const waiting = sound === null && Date.now() < this.patience;
    if (whole || this.span.to > this.duration + 1e-6 && !waiting) this.span = { from: 0, to: this.duration };
    this.player.setUrl(sound?.url ?? "");
    this.draw(true);
  }
  takeOver() {
    const view = left.get(this.source.key());
    if (!view) return;
    this.span = view.span;
    this.playhead = view.playhead;
    this.patience = Date.now() + PATIENCE_MS;
    if (view.held) hand(this.claimant);
  }
  take(text) {
    this.text = text;
    this.error = "";
    this.selection = [];
    try {
      this.curve = parse(text);
      this.words = isWords(text);
    } catch (error) {
      if (!(error instanceof CurveError)) throw error;
      this.error = error.message;
      this.curve = EMPTY;
    }
  }
  resize() {
    const body = this.lanes.parentElement;
    const side = Math.min(LARGEST_PLANE, body.clientHeight, Math.round(body.clientWidth * PLANE_SHARE));
    this.plane.resize(Math.max(60, side));
    const width = Math.max(80, body.clientWidth - side - 4);
    this.layout = layoutOf(width, Math.max(80, body.clientHeight));
    this.lanes.setAttribute("width", String(width));
    this.lanes.setAttribute("height", String(this.layout.height));
    this.draw(true);
  }
  draw(ground = false) {
    this.exact.follow(this.selection);
    if (this.layout.width === 0) return;
    const { layout, span, curve } = this;
    if (ground) this.ground.replaceChildren(...drawGround(layout, span, this.duration, this.heard, this.marks));
    const focused = this.handles.element.contains(document.activeElement);
    this.curves.replaceChildren(...LANES.map((lane) => drawCurve(layout, span, curve, lane)));
    this.handles.draw(layout, span, curve, new Set(this.selection.map(refKey)));
    if (focused && !this.handles.element.contains(document.activeElement)) this.focus(this.selection[0]);
    this.plane.drawTrail(curve, this.duration);
    this.drawPlayhead();
    this.tools.update(this.player.playing, this.player.canPlay);
    this.drawStatus();
  }
  drawPlayhead() {
    this.overlay.querySelector(".kf-playhead")?.remove();
    const { time } = this.layout;
    const x = xOf(this.playhead, this.span, time);
    if (x >= time.left && x <= time.left + time.width) {
      this.overlay.append(svg("line", { x1: x, x2: x, y1: time.top, y2: time.top + time.height, class: "kf-playhead" }));
    }
    this.plane.drawFeeling(...feelingAt(this.curve, this.playhead));
  }
  drawStatus() {
    this.status.classList.toggle("kf-wrong", this.error !== "");
    const count = LANES.reduce((sum, lane) => sum + this.curve[lane].length, 0);
    const crowded = count > MOST_HANDLES ? ` (${fill(say().crowded, { count })})` : "";
    this.message.textContent = this.exact.open ? "" : this.error || `${say().help}${crowded}`;
  }
};

// src/dialog.ts
function openLarge(source) {
  const editor = new CurveEditor({ ...source, key: () => `${source.key()} large` }, null);
  const close = html("button", { type: "button", title: say().close_tip }, `✕ ${say().close}`);
  const dialog = html("dialog", { class: "kf-dialog", "aria-label": say().large_name }, editor.element);
  editor.addTool(close);
  close.addEventListener("click", () => dialog.close());
  for (const name of ["keydown", "keyup", "wheel", "copy", "cut", "paste"])
    dialog.addEventListener(name, (event) => event.stopPropagation());
  dialog.addEventListener("close", () => {
    editor.rest();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  editor.focus();
}

// src/host.ts
import { app as comfyApp } from "/scripts/app.js";

// src/graph.ts
var SUBGRAPH_INPUT = -10;
var SUBGRAPH_OUTPUT = -20;
var DEEPEST = 50;
var MODEL = "MODEL";
var nodesOf = (graph) => graph?._nodes ?? graph?.nodes ?? [];
var graphKey = (graph) => !graph.rootGraph || graph.rootGraph === graph ? "" : graph.id ?? "";
function originOf(node, input) {
  const slot = node.inputs?.findIndex(({ name }) => name === input) ?? -1;
  return slot < 0 ? null : origin(node, slot, DEEPEST);
}
function loaderOf(node, input) {
  let found2 = originOf(node, input);
  for (let depth = 0; found2 && depth < DEEPEST; depth++) {
    const [model, ...others] = found2.inputs?.filter(({ type }) => type === MODEL) ?? [];
    if (!model || others.length > 0 || !found2.outputs?.some(({ type }) => type === MODEL)) return found2;
    found2 = originOf(found2, model.name);
  }
  return null;
}
var isLinked = (node, input) => node.inputs?.some(({ name, link }) => name === input && link != null) ?? false;
function origin(node, slot, depth) {
  const { graph } = node;
  const link = graph?.getLink(node.inputs?.[slot]?.link ?? null);
  if (!graph || !link || depth === 0) return null;
  if (Number(link.origin_id) === SUBGRAPH_INPUT) {
    const outer = everyNode(graph.rootGraph ?? graph).find(({ subgraph }) => subgraph === graph);
    return outer ? origin(outer, link.origin_slot, depth - 1) : null;
  }
  return through(graph.getNodeById(link.origin_id), link.origin_slot, depth);
}
function through(node, slot, depth) {
  if (node?.type === "Reroute") return origin(node, 0, depth - 1);
  if (!node?.subgraph) return node;
  const { links } = node.subgraph;
  const all = links instanceof Map ? [...links.values()] : Object.values(links ?? {});
  const inner = all.find((link) => Number(link.target_id) === SUBGRAPH_OUTPUT && link.target_slot === slot);
  return inner ? through(node.subgraph.getNodeById(inner.origin_id), inner.origin_slot, depth - 1) : null;
}
function everyNode(root) {
  return [root, ...root.subgraphs?.values() ?? []].flatMap((graph) => [...nodesOf(graph)]);
}

// src/handing.ts
var CURVE_NODE = "KeyFaceEmotionCurve";
var GIVEN_TO = "keyface_curve";
var BELOW = 110;
function receiverOf(node) {
  const curves = nodesOf(node.graph).filter(({ comfyClass }) => comfyClass === CURVE_NODE);
  const before = node.properties?.[GIVEN_TO];
  const same = curves.find(({ id }) => String(id) === String(before));
  if (same) return same;
  return curves.length === 1 && !node.outputs?.[0]?.links?.length ? curves[0] : null;
}
function hand2(node, text, create) {
  const { graph } = node;
  if (!graph) return null;
  const receiver = receiverOf(node) ?? inPlaceOf(node, graph, create());
  const widget = receiver?.widgets?.find(({ name }) => name === "curve");
  if (!receiver || !widget) return null;
  node.properties = { ...node.properties, [GIVEN_TO]: receiver.id };
  widget.value = text;
  widget.callback?.(text);
  return receiver;
}
function inPlaceOf(node, graph, made) {
  if (!made) return null;
  made.pos = [node.pos[0], node.pos[1] + node.size[1] + BELOW];
  graph.add(made);
  for (const id of [...node.outputs?.[0]?.links ?? []]) {
    const link = graph.getLink(id);
    if (!link) continue;
    if (Number(link.target_id) === SUBGRAPH_OUTPUT) graph.outputs?.[link.target_slot]?.connect(made.outputs[0], made);
    else made.connect(0, graph.getNodeById(link.target_id), link.target_slot);
  }
  return made;
}

// src/scales.ts
var AS_SET = "as set";
var FROM_MODEL = "from the model";
var LOADER = "KeyFaceLoadModels";
var WIDGETS = {
  audio_scale: { scale: "audio", models: ["keyframe_model", "model"] },
  identity_scale: { scale: "identity", models: ["keyframe_model", "model"] },
  autoguidance_scale: { scale: "auto", models: ["interpolation_model", "model"] }
};
var widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name);
var hasScales = (node) => Boolean(node.comfyClass?.startsWith("KeyFace") && widgetOf(node, "scales"));
function inForce(node, widget, ask) {
  const known = WIDGETS[widget];
  if (!known || widgetOf(node, "scales")?.value !== FROM_MODEL || isLinked(node, "scales")) return false;
  const input = known.models.find((model) => node.inputs?.some(({ name }) => name === model));
  const loader = input === void 0 ? null : loaderOf(node, input);
  if (loader?.comfyClass !== LOADER) return null;
  const [keyframe, interpolation] = ["keyframe", "interpolation"].map(
    (role) => isLinked(loader, role) ? void 0 : widgetOf(loader, role)?.value
  );
  if (typeof keyframe !== "string" || typeof interpolation !== "string") return null;
  const guidance2 = ask(keyframe, interpolation);
  return guidance2 ? guidance2[known.scale] ?? false : guidance2;
}
var Scales = class {
  /** `fresh`: the node is new, not one that a file or a prompt describes. */
  constructor(node, ask, fresh) {
    this.node = node;
    this.ask = ask;
    const { configure, onSerialize } = node;
    node.configure = (saved) => {
      this.release();
      this.choose(AS_SET);
      configure.call(node, saved);
    };
    node.onSerialize = (saved) => {
      onSerialize?.call(node, saved);
      this.save(saved);
    };
    if (fresh) this.choose(FROM_MODEL);
  }
  shown = /* @__PURE__ */ new Map();
  /** Shows what is in force now; says whether anything changed. */
  follow() {
    let changed = false;
    for (const widget of this.node.widgets ?? []) {
      const now = inForce(this.node, widget.name, this.ask);
      if (now === false) changed = this.giveBack(widget) || changed;
      else changed = this.take(widget, now) || changed;
    }
    return changed;
  }
  choose(choice) {
    const scales = widgetOf(this.node, "scales");
    if (scales) scales.value = choice;
  }
  take(widget, now) {
    const before = this.shown.get(widget);
    if (before && now === void 0) return false;
    const { label, tooltip } = before ?? widget;
    const set2 = !before || widget.value !== before.value ? widget.value : before.set;
    const value = now === void 0 ? widget.value : now ?? set2;
    const text = { label: now === null ? fill(sayScales().unknown, { label: label ?? widget.name }) : label };
    if (before && before.set === set2 && before.value === value && widget.value === value && widget.label === text.label) return false;
    const shown = { set: set2, value, label, tooltip };
    this.shown.set(widget, shown);
    widget.value = value;
    widget.label = text.label;
    widget.tooltip = now === null ? sayScales().unknown_tip : sayScales().tip;
    widget.disabled = true;
    widget.serializeValue = () => this.setOf(widget);
    Object.defineProperty(widget, "_displayValue", { configurable: true, get: () => now == null ? "" : written(widget) });
    return true;
  }
  giveBack(widget) {
    const shown = this.shown.get(widget);
    if (!shown) return false;
    widget.value = this.setOf(widget);
    this.shown.delete(widget);
    widget.label = shown.label;
    widget.tooltip = shown.tooltip;
    widget.disabled = false;
    delete widget.serializeValue;
    delete widget._displayValue;
    return true;
  }
  release() {
    for (const widget of [...this.shown.keys()]) this.giveBack(widget);
  }
  setOf(widget) {
    const shown = this.shown.get(widget);
    return shown && widget.value === shown.value ? shown.set : widget.value;
  }
  save(saved) {
    const all = this.node.widgets ?? [];
    const kept = all.filter(({ serialize: serialize2 }) => serialize2 !== false);
    for (const widget of this.shown.keys()) {
      const { widgets_values: values, widgets_values_named: named } = saved;
      if (named && widget.name in named) named[widget.name] = this.setOf(widget);
      const place = values && [kept.indexOf(widget), all.indexOf(widget)].find((at) => values[at] === widget.value);
      if (place !== void 0) values[place] = this.setOf(widget);
    }
  }
};
function written(widget) {
  const value = Number(widget.value);
  const precision = Number(widget.options?.precision ?? 1);
  const rounded2 = value.toFixed(precision);
  return Number(rounded2) === value ? rounded2 : String(value);
}

// src/host.ts
var app = comfyApp;
var READING_NODE = "KeyFaceEmotionFromVideo";
var AUDIO_NODE = "KeyFaceEncodeAudio";
var NOTES = ["Note", "MarkdownNote"];
var TEXT_HEIGHT = 56;
var EDITOR_HEIGHT = 250;
var NODE_SIZE = [640, 420];
var RESTORING_MS = 50;
var WATCH_MS2 = 120;
var NONE = [];
var heardBy = /* @__PURE__ */ new WeakMap();
var foundBy = /* @__PURE__ */ new WeakMap();
var readBy = /* @__PURE__ */ new WeakMap();
var present = /* @__PURE__ */ new Map();
var shells = /* @__PURE__ */ new Map();
var changes = 0;
var watched = /* @__PURE__ */ new Map();
var watch;
var guidance = /* @__PURE__ */ new Map();
var loadingPrompts = 0;
var translations = {};
function register(attach) {
  app.registerExtension({
    name: "KeyFace.EmotionCurve",
    init: readTranslations,
    loadedGraphNode: retell,
    nodeCreated(node) {
      if (node.comfyClass === AUDIO_NODE) {
        afterRun(node, (output) => rememberFound(node, output));
        comesAndGoes(node, () => {
        });
      }
      if (node.comfyClass !== CURVE_NODE || !textOf(node)) return;
      afterRun(node, (output) => rememberSound(node, output));
      const editor = attach(sourceOf(node));
      const widget = addEditor(node, editor.element);
      comesAndGoes(
        node,
        (restored) => {
          if (restored) moveIn(node, widget, editor.element);
          shells.set(keyOf(node), widget.element);
          editor.wake(restored);
        },
        () => editor.rest()
      );
    }
  });
}
function registerReading() {
  app.registerExtension({
    name: "KeyFace.EmotionFromVideo",
    nodeCreated(node) {
      if (node.comfyClass !== READING_NODE) return;
      const button = node.addWidget("button", "keyface_edit", null, () => editRead(node), { serialize: false });
      button.serialize = false;
      const label = () => {
        const read = readBy.has(node);
        button.label = read ? sayReading().edit : sayReading().first;
        button.tooltip = sayReading().tip;
        button.disabled = !read;
        node.graph?.setDirtyCanvas(true, true);
      };
      afterRun(node, (output) => {
        const [text] = output.keyface_curve ?? [];
        if (text) readBy.set(node, text);
        label();
      });
      comesAndGoes(node, label);
    }
  });
}
function editRead(node) {
  const text = readBy.get(node);
  if (!text) return;
  let receiver = null;
  asOneChange(() => {
    receiver = hand2(node, text, () => graphLibrary().createNode(CURVE_NODE));
  });
  node.graph?.setDirtyCanvas(true, true);
  if (receiver) app.canvas?.centerOnNode?.(receiver);
}
var graphLibrary = () => globalThis.LiteGraph;
function registerScales() {
  app.registerExtension({
    name: "KeyFace.Scales",
    init: noticePrompts,
    refreshComboInNodes: () => guidance.clear(),
    // there may be other files now
    nodeCreated(node) {
      if (!hasScales(node)) return;
      const scales = new Scales(node, guidanceOf, loadingPrompts === 0);
      comesAndGoes(
        node,
        () => {
          watched.set(node, scales);
          watch ??= setInterval(followScales, WATCH_MS2);
        },
        () => watched.delete(node)
      );
    }
  });
}
function followScales() {
  for (const [node, scales] of watched) if (scales.follow()) node.graph?.setDirtyCanvas(true, true);
  if (watched.size > 0) return;
  clearInterval(watch);
  watch = void 0;
}
function guidanceOf(keyframe, interpolation) {
  const query = new URLSearchParams({ keyframe, interpolation }).toString();
  if (!guidance.has(query)) {
    guidance.set(query, void 0);
    fetch(new URL(`api/keyface/guidance?${query}`, document.baseURI)).then(async (answer) => answer.ok ? await answer.json() : null).catch(() => null).then((told) => guidance.set(query, told));
  }
  return guidance.get(query);
}
function noticePrompts() {
  const load2 = app.loadApiJson;
  if (!load2) return;
  app.loadApiJson = async (...given) => {
    loadingPrompts++;
    try {
      return await load2.apply(app, given);
    } finally {
      loadingPrompts--;
    }
  };
}
function comesAndGoes(node, come, go = () => {
}) {
  const { onAdded, onRemoved } = node;
  node.onAdded = (...given) => {
    onAdded?.apply(node, given);
    const restored = tracker()?._restoringState === true;
    if (restored) changes++;
    const before = present.get(keyOf(node));
    if (restored && before) {
      copy(heardBy, before, node);
      copy(foundBy, before, node);
      copy(readBy, before, node);
    }
    present.set(keyOf(node), node);
    come(restored);
  };
  node.onRemoved = () => {
    onRemoved?.call(node);
    go();
  };
}
function copy(map, from, to) {
  const value = map.get(from);
  if (value !== void 0) map.set(to, value);
}
function moveIn(node, widget, element) {
  const shell = shells.get(keyOf(node));
  if (!shell) return;
  shell.replaceChildren(element);
  widget.element = shell;
}
function addEditor(node, element) {
  const text = textOf(node);
  text.options = { ...text.options, getMinHeight: () => TEXT_HEIGHT, getMaxHeight: () => TEXT_HEIGHT };
  const shell = html("div", { class: "kf-shell" }, element);
  const widget = node.addDOMWidget("keyface_editor", "KEYFACE_CURVE_EDITOR", shell, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => EDITOR_HEIGHT
  });
  widget.serialize = false;
  node.setSize([Math.max(node.size[0], NODE_SIZE[0]), Math.max(node.size[1], NODE_SIZE[1])]);
  return widget;
}
var textOf = (node) => node.widgets?.find(({ name }) => name === "curve");
var keyOf = (node) => node.graph ? `${graphKey(node.graph)} ${node.id}` : "";
function sourceOf(made) {
  let key = "";
  let url = "";
  let loaded = null;
  const node = () => present.get(key) ?? made;
  return {
    key() {
      return key = keyOf(made) || key;
    },
    read: () => String(textOf(node())?.value ?? ""),
    write(value) {
      const text = textOf(node());
      if (!text) return;
      asOneChange(() => {
        text.value = value;
        text.callback?.(value);
      });
      node().graph?.setDirtyCanvas(true, true);
    },
    goBack: goBackUnlessDone,
    sound() {
      const now = urlOf(audioOf(node()));
      if (now !== url) {
        url = now;
        loaded = null;
        if (now)
          soundAt(now).then(
            (sound) => {
              if (url === now) loaded = sound;
            },
            (error) => console.warn("KeyFace: the sound is not shown:", error)
          );
      }
      return loaded ?? heardBy.get(node()) ?? null;
    },
    vocalizations() {
      const audio = audioOf(node());
      const listener = audio && nodesOf(node().graph).find((n) => n.comfyClass === AUDIO_NODE && audioOf(n) === audio);
      return listener && foundBy.get(listener) || NONE;
    }
  };
}
var tracker = () => app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
function asOneChange(change) {
  const known = tracker();
  const look = () => known?.captureCanvasState ? known.captureCanvasState() : known?.checkState?.();
  changes++;
  if (known?._restoringState) {
    change();
    onceRestored(known, look);
    return;
  }
  look();
  change();
  look();
}
function onceRestored(known, act) {
  if (known._restoringState) setTimeout(() => onceRestored(known, act), RESTORING_MS);
  else act();
}
function goBackUnlessDone(redo) {
  const known = tracker();
  const queue = redo ? known?.redoQueue : known?.undoQueue;
  const before = queue?.length;
  const then = changes;
  requestAnimationFrame(
    () => requestAnimationFrame(() => {
      if (queue?.length !== before || changes !== then || known?._restoringState) return;
      void (redo ? known?.redo?.() : known?.undo?.());
    })
  );
}
var audioOf = (node) => node.graph ? originOf(node, "audio") : null;
function urlOf(node) {
  const file = node?.comfyClass === "LoadAudio" && node.widgets?.find(({ name: name2 }) => name2 === "audio")?.value;
  if (typeof file !== "string" || file === "") return "";
  const [, folder = "", name = "", type = "input"] = /^(?:(.*)\/)?([^/]*?)(?: \[(\w+)\])?$/.exec(file) ?? [];
  const query = new URLSearchParams({ filename: name, subfolder: folder, type });
  return new URL(`api/view?${query}`, document.baseURI).href;
}
function afterRun(node, take2) {
  const before = node.onExecuted;
  node.onExecuted = (output) => {
    before?.call(node, output);
    take2(output);
  };
}
function rememberSound(node, output) {
  const [told] = output.keyface_sound ?? [];
  if (told) heardBy.set(node, { seconds: told.seconds, peaks: peaksFromBase64(told.peaks), url: "" });
}
function rememberFound(node, output) {
  foundBy.set(node, output.keyface_vocalizations ?? []);
}
async function readTranslations() {
  try {
    const answer = await fetch(new URL("api/i18n", document.baseURI));
    translations = await answer.json();
  } catch (error) {
    console.warn("KeyFace: the editor stays English:", error);
  }
  const language = String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en");
  const spoken2 = translations[language] ?? translations[language.split("-")[0]];
  if (spoken2?.keyface) speak(spoken2.keyface);
}
function retell(node) {
  const note = NOTES.includes(node.type ?? "") && node.widgets?.[0];
  if (!note || typeof note.value !== "string") return;
  const said = retold(note.value, Object.values(translations).map((language) => language?.keyface?.notes ?? {}));
  if (said !== note.value) note.value = said;
}

// src/style.css
var style_default = ".kf-shell { width: 100%; height: 100%; min-height: 240px; }\n.kf-editor { --kf-valence: #5fbf86; --kf-arousal: #e0954a; --kf-sound: #5f9fd0; --kf-found: #b57fca;\n  box-sizing: border-box; width: 100%; height: 100%; min-height: 240px; display: flex; flex-direction: column;\n  gap: 4px; padding: 4px; overflow: hidden; color: var(--input-text, #ddd); font: 11px/1.3 Inter, Arial, sans-serif;\n  background: var(--comfy-menu-bg, #353535); border-radius: 6px; user-select: none; }\n.kf-editor:focus { outline: none; }\n.kf-editor:focus-within { outline: 1px solid var(--p-primary-color, #6b9bd1); outline-offset: -1px; }\n.kf-tools { display: flex; flex: none; gap: 2px; align-items: center; overflow-x: auto; scrollbar-width: none; }\n.kf-tools > * { flex: none; }\n.kf-tools .kf-space { flex: 1 0 0; }\n.kf-tools button, .kf-tools select { padding: 1px 4px; }\n.kf-tools select { width: 84px; text-overflow: ellipsis; }\n.kf-tools select + select { width: 60px; }\n.kf-tools > button:last-child { position: sticky; right: 0; } /* the large view is where the others are, however narrow */\n.kf-tools .kf-play { width: 30px; padding: 1px 0; text-align: center; }\n.kf-tools button, .kf-tools select, .kf-exact input { font: inherit; color: inherit; min-height: 22px;\n  background: var(--comfy-input-bg, #222); border: 1px solid var(--border-color, #4e4e4e); border-radius: 4px;\n  padding: 1px 6px; }\n.kf-tools button { cursor: pointer; }\n.kf-tools button:hover:not(.kf-off), .kf-tools select:hover { border-color: var(--p-primary-color, #6b9bd1); }\n.kf-tools .kf-off { opacity: 0.4; cursor: default; }\n.kf-body { flex: 1; min-height: 0; display: flex; gap: 4px; align-items: stretch; }\n.kf-lanes { flex: 1; min-width: 0; min-height: 0; touch-action: none; cursor: crosshair; display: block; }\n.kf-plane { flex: none; touch-action: none; }\n.kf-panel { fill: var(--comfy-input-bg, #222); }\n.kf-grid { stroke: var(--border-color, #4e4e4e); stroke-opacity: 0.45; pointer-events: none; }\n.kf-zero { stroke: var(--descrip-text, #999); stroke-opacity: 0.45; stroke-dasharray: 2 3; fill: none; pointer-events: none; }\n.kf-label, .kf-time, .kf-plane-label, .kf-feeling, .kf-found-label { font: 10px Inter, Arial, sans-serif; pointer-events: none; }\n.kf-label { text-anchor: end; dominant-baseline: central; fill: var(--descrip-text, #999); }\n.kf-label.kf-valence, .kf-plane-label.kf-valence { fill: var(--kf-valence); }\n.kf-label.kf-arousal, .kf-plane-label.kf-arousal { fill: var(--kf-arousal); }\n.kf-time { text-anchor: middle; fill: var(--descrip-text, #999); }\n.kf-wave { stroke: var(--kf-sound); stroke-width: 1.1; pointer-events: none; }\n.kf-silence { stroke: var(--descrip-text, #999); stroke-opacity: 0.18; stroke-width: 1.1; pointer-events: none; }\n.kf-found { fill: var(--kf-found); fill-opacity: 0.3; }\n.kf-found-label { fill: var(--kf-found); }\n.kf-keyframes { stroke: var(--descrip-text, #999); fill: none; }\n.kf-behind { fill: var(--comfy-menu-bg, #353535); fill-opacity: 0.55; pointer-events: none; }\n.kf-curve { fill: none; stroke-width: 2; pointer-events: none; }\n.kf-curve.kf-valence { stroke: var(--kf-valence); }\n.kf-curve.kf-arousal { stroke: var(--kf-arousal); }\n.kf-point { cursor: grab; stroke: var(--comfy-menu-bg, #353535); stroke-width: 1.5; outline: none; }\n.kf-point.kf-valence { fill: var(--kf-valence); }\n.kf-point.kf-arousal { fill: var(--kf-arousal); }\n.kf-point.kf-hold { stroke-dasharray: 3 2; stroke: var(--input-text, #ddd); }\n.kf-point.kf-linear { stroke: var(--input-text, #ddd); }\n.kf-point.kf-chosen, .kf-point:focus-visible { stroke: var(--input-text, #fff); stroke-width: 2.5; stroke-dasharray: none; }\n.kf-box { fill: var(--p-primary-color, #6b9bd1); fill-opacity: 0.18; stroke: var(--p-primary-color, #6b9bd1); pointer-events: none; }\n.kf-playhead { stroke: var(--input-text, #fff); stroke-width: 1.2; pointer-events: none; }\n.kf-trail { fill: none; stroke: var(--descrip-text, #999); stroke-opacity: 0.7; pointer-events: none; }\n.kf-state { fill: var(--descrip-text, #999); cursor: grab; }\n.kf-state:hover { fill: var(--input-text, #fff); }\n.kf-state-name { font: 9px Inter, Arial, sans-serif; fill: var(--descrip-text, #999); pointer-events: none; }\n.kf-now { fill: var(--p-primary-color, #6b9bd1); stroke: var(--input-text, #fff); pointer-events: none; }\n.kf-feeling { fill: var(--input-text, #ddd); }\n.kf-feeling.kf-pointed { font-weight: bold; }\n.kf-value { font: 11px Inter, Arial, sans-serif; fill: var(--input-text, #fff); stroke: var(--comfy-menu-bg, #353535);\n  stroke-width: 3; paint-order: stroke; pointer-events: none; }\n.kf-status { min-height: 15px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--descrip-text, #999); display: flex; gap: 8px; align-items: center; }\n.kf-status.kf-wrong { white-space: normal; color: var(--error-text, #ff6b6b); }\n.kf-exact { display: inline-flex; gap: 4px; align-items: center; }\n.kf-exact[hidden] { display: none; }\n.kf-exact input { width: 5.5em; user-select: text; }\n.kf-dialog { width: 92vw; height: 82vh; max-width: none; padding: 8px; border: 1px solid var(--border-color, #4e4e4e);\n  border-radius: 8px; background: var(--comfy-menu-bg, #353535); }\n.kf-dialog::backdrop { background: rgb(0 0 0 / 55%); }\n";

// src/keyface.ts
document.head.append(html("style", { id: "keyface-style" }, style_default));
register((source) => new CurveEditor(source, () => openLarge(source)));
registerReading();
registerScales();
//# sourceMappingURL=keyface.js.map
