// The node's text, its only state: versioned JSON, or the short form an artist types. keyface_lib.method.emotion_text
// reads both the same way; what is wrong is said in the same words as far as they help.

import { LANES, MODES, type Curve, type Lane, type LaneName, type Mode, type Point } from "./curve.ts"
import { STATES, wordFor } from "./states.ts"

export const VERSION = 1
/** Seconds between two points; over much shorter ones a slope is no finite number. */
const LEAST_STEP_S = 1e-6

/** What is wrong with a text, in one line. */
export class CurveError extends Error {}

/** Reads either form. Throws `CurveError`. */
export function parse(text: string): Curve {
  const trimmed = text.trim()
  const curve = trimmed.startsWith("{") ? parseJson(trimmed) : parseShortForm(trimmed)
  for (const name of LANES) checkLane(name, curve[name])
  return curve
}

/** The curve as JSON text; `parse` gives the same curve back. */
export function serialize(curve: Curve): string {
  const rows = (lane: Lane) => lane.map(({ seconds, value, mode }) => [seconds, value, mode])
  return JSON.stringify({ v: VERSION, valence: rows(curve.valence), arousal: rows(curve.arousal) })
}

/** Whether a text is in the short form, the one an artist types. */
export const isWords = (text: string): boolean => !text.trim().startsWith("{")

/** The curve in the short form, named feelings by their names; null where that form cannot say it. */
export function toWords(curve: Curve): string | null {
  const { valence, arousal } = curve
  const points = [...valence, ...arousal]
  if (valence.length === 0 || valence.length !== arousal.length || points.some(({ mode }) => mode !== "smooth")) return null
  if (valence.some(({ seconds }, i) => seconds !== arousal[i]!.seconds)) return null
  return valence
    .map(({ seconds, value }, i) => `${seconds}:${wordFor(value, arousal[i]!.value) ?? `(${value},${arousal[i]!.value})`}`)
    .join(" ")
}

/** One row a time: seconds,valence,arousal,mode. Lanes with different modes at one time take two rows. */
export function toCsv(curve: Curve): string {
  const rows = new Map<string, { seconds: number; mode: Mode } & Partial<Record<LaneName, number>>>()
  for (const name of LANES)
    for (const { seconds, value, mode } of curve[name]) {
      const key = `${seconds} ${mode}`
      rows.set(key, { ...(rows.get(key) ?? { seconds, mode }), [name]: value })
    }
  const lines = [...rows.values()]
    .sort((a, b) => a.seconds - b.seconds)
    .map(({ seconds, valence = "", arousal = "", mode }) => [seconds, valence, arousal, mode].join(","))
  return ["seconds,valence,arousal,mode", ...lines].join("\n") + "\n"
}

/**
 * Reads what `toCsv` and spreadsheets write, columns apart by `,`, `;` or tabs; with the latter two a comma is a
 * decimal point. Throws `CurveError`.
 */
export function fromCsv(text: string): Curve {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/)
  const told = /^\s*sep=(.?)/i.exec(lines[0]!) // how Excel is told
  if (told) lines.shift()
  const [first = "", ...rest] = lines
  const count = (mark: string) => first.split(mark).length
  const separator = told ? told[1] || "\t" : [",", ";", "\t"].reduce((a, b) => (count(b) > count(a) ? b : a))
  const split = (line: string) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1").trim())
  const header = split(first).map((cell) => cell.toLowerCase())
  const plain = header.join(",")
  if (plain !== "seconds,valence,arousal" && plain !== "seconds,valence,arousal,mode")
    throw new CurveError(`the first line is '${plain.slice(0, 60)}'; it must be seconds,valence,arousal,mode`)
  const lanes: Record<LaneName, Point[]> = { valence: [], arousal: [] }
  rest.forEach((line, index) => {
    if (line.trim() === "") return
    const cells = split(line).map((cell) => (separator === "," ? cell : cell.replaceAll(",", ".")))
    const where = `line ${index + (told ? 3 : 2)}`
    if (cells.length !== header.length)
      throw new CurveError(`${where} has ${cells.length} cells, the first line ${header.length}; make them equal`)
    const seconds = number(cells[0]!, where, "write seconds as a plain number")
    LANES.forEach((name, lane) => {
      const cell = cells[1 + lane]!
      if (cell === "") return
      const value = number(cell, where, `write ${name} as a plain number or leave it empty`)
      lanes[name].push({ seconds, value, mode: asMode(cells[3] || "smooth", where) })
    })
  })
  for (const name of LANES) checkLane(name, lanes[name])
  return lanes
}

function parseJson(text: string): Curve {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new CurveError(`the emotion JSON is malformed (${(error as Error).message}); correct it there`)
  }
  const { v, ...lanes } = data as Record<string, unknown>
  if (typeof v !== "number" || v < 1)
    throw new CurveError(`the emotion JSON has no version; start it with {"v":${VERSION}, ...`)
  if (v !== VERSION)
    throw new CurveError(`the emotion JSON has version ${v}, this KeyFace reads version ${VERSION}; update KeyFace`)
  const unknown = Object.keys(lanes).find((key) => !LANES.includes(key as LaneName))
  if (unknown !== undefined)
    throw new CurveError(`the emotion JSON has the unknown key "${unknown}"; it may have "v", "valence" and "arousal"`)
  const lane = (name: LaneName) => (Object.hasOwn(lanes, name) ? jsonLane(name, lanes[name]) : [])
  return { valence: lane("valence"), arousal: lane("arousal") }
}

function jsonLane(name: LaneName, rows: unknown): Lane {
  if (!Array.isArray(rows))
    throw new CurveError(`${name} of the emotion JSON is not a list; write [[seconds,value,"smooth"],...]`)
  return rows.map((row: unknown) => {
    const [seconds, value, mode] = Array.isArray(row) && row.length === 3 ? row : []
    if (typeof seconds !== "number" || typeof value !== "number" || typeof mode !== "string")
      throw new CurveError(
        `${name} of the emotion JSON has the point ${JSON.stringify(row).slice(0, 60)}; write [seconds,value,"smooth"]`,
      )
    return { seconds, value, mode: asMode(mode, `${name} at ${seconds} s`) }
  })
}

function parseShortForm(text: string): Curve {
  const plain = text.replace(/\s+/g, " ").replace(/ ?([:*]) ?/g, "$1")
  const entry = /(?:[^ ,()]|\([^()]*\))+/g
  const entries = plain.match(entry) ?? []
  const rest = plain.replace(entry, "").replace(/,/g, "").trim()
  if (rest !== "" || entries.length === 0)
    throw new CurveError(`emotion '${plain}' cannot be read; write it like 0:neutral 2.5:happy 6:(-0.4,0.9)`)
  const lanes: Record<LaneName, Point[]> = { valence: [], arousal: [] }
  for (const item of entries) {
    const colon = item.lastIndexOf(":")
    if (colon < 0 && entries.length > 1)
      throw new CurveError(`emotion '${item}' has no time; put its second in front, such as 0:${item}`)
    const seconds = colon < 0 ? 0 : parseTime(item.slice(0, colon))
    const feeling = parseFeeling(item.slice(colon + 1))
    LANES.forEach((name, lane) => lanes[name].push({ seconds, value: feeling[lane]!, mode: "smooth" }))
  }
  return lanes
}

/** Seconds of `s`, `m:ss` or `h:mm:ss`. Throws `CurveError`. */
export function parseTime(text: string): number {
  const parts = text.split(":")
  if (parts.length > 3)
    throw new CurveError(`the time '${text}' has ${parts.length} parts; write seconds, m:ss or h:mm:ss`)
  const remedy = "write seconds, m:ss or h:mm:ss"
  const numbers = parts.map((part) => number(part, `the time '${text}'`, remedy))
  if (numbers.length > 1 && numbers.some((part) => part < 0))
    throw new CurveError(`the time '${text}' has a negative part; ${remedy}`)
  return numbers.reduce((seconds, part) => 60 * seconds + part, 0)
}

function parseFeeling(text: string): readonly [number, number] {
  if (text.startsWith("(")) {
    const pair = /^\( ?([^ ,]+)(?: ?, ?| )([^ ,]+) ?\)$/.exec(text)
    const remedy = "write (valence,arousal), such as (-0.4,0.9)"
    if (!pair) throw new CurveError(`emotion '${text}' is no pair; ${remedy}`)
    return [number(pair[1]!, `emotion '${text}'`, remedy), number(pair[2]!, `emotion '${text}'`, remedy)]
  }
  const times = text.indexOf("*")
  const [name, factor] = times < 0 ? [text, undefined] : [text.slice(0, times), text.slice(times + 1)]
  const state = Object.hasOwn(STATES, name.toLowerCase()) && STATES[name.toLowerCase()]
  if (!state) throw new CurveError(`emotion '${name}' is unknown; use one of ${Object.keys(STATES).join(", ")}`)
  const intensity = factor === undefined ? 1 : number(factor, `the intensity of '${text}'`, "write it like happy*0.5")
  if (!(intensity >= 0 && intensity < Infinity))
    throw new CurveError(`the intensity of '${name}' is ${intensity}; it must be 0 or more`)
  return [clamp(intensity * state[0]), clamp(intensity * state[1])]
}

export function clamp(value: number): number {
  return Math.max(-1, Math.min(1, value))
}

// Number() alone also takes 0x10 and Infinity, Python's float() takes 1_0: neither side reads those.
const NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/

function number(text: string, what: string, remedy: string): number {
  if (!NUMBER.test(text)) throw new CurveError(`${what} has '${text}' where a number belongs; ${remedy}`)
  return Number(text)
}

function asMode(text: string, where: string): Mode {
  if (!MODES.includes(text as Mode)) throw new CurveError(`${where} has the mode '${text}'; use ${MODES.join(", ")}`)
  return text as Mode
}

function checkLane(name: LaneName, lane: Lane): void {
  lane.forEach(({ seconds, value }, index) => {
    const where = `${name} at ${seconds} s`
    if (!(seconds >= 0 && seconds < Infinity))
      throw new CurveError(`${where}: a time must be 0 or more and finite; correct or remove this point`)
    if (!(value >= -1 && value <= 1))
      throw new CurveError(`${where} is ${value}; it must lie in [-1, 1]: bring it in there`)
    const before = lane[index - 1]
    if (before && Math.abs(seconds - before.seconds) < LEAST_STEP_S)
      throw new CurveError(`${name} has two points at ${seconds} s; keep one of them`)
    if (before && seconds < before.seconds)
      throw new CurveError(
        `${name} has its point at ${seconds} s after the one at ${before.seconds} s; sort the points by time`,
      )
  })
}
