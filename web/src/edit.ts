// Every change the editor can make to a curve, as a pure function: the curve before, the curve after.

import { rounded } from "./axis.ts"
import { EMPTY, LANES, sampler, type Curve, type Lane, type LaneName, type Mode, type Point } from "./curve.ts"
import { STATES, wordFor } from "./states.ts"
import { clamp } from "./text.ts"

/** Points closer than this count as being at the same time. */
const SAME_S = 0.0005

/** A point by its lane and place in it. */
export interface Ref {
  readonly lane: LaneName
  readonly index: number
}

export const refKey = ({ lane, index }: Ref): string => `${lane} ${index}`
export const sameRef = (a: Ref, b: Ref): boolean => a.lane === b.lane && a.index === b.index

export interface Edited {
  readonly curve: Curve
  /** Where the points are now that were meant. */
  readonly selection: readonly Ref[]
}

/** Adds a point, or moves the one that is there already. */
export function addPoint(curve: Curve, lane: LaneName, seconds: number, value: number, mode: Mode = "smooth"): Edited {
  const point = tidy({ seconds, value, mode })
  const others = curve[lane].filter((other) => Math.abs(other.seconds - point.seconds) >= SAME_S)
  return withPoints(curve, new Map([[lane, others]]), [[lane, point]])
}

/** Adds a named state's point to both lanes. */
export function addState(curve: Curve, name: string, seconds: number): Edited {
  const [valence, arousal] = STATES[name] ?? [0, 0]
  const first = addPoint(curve, "valence", seconds, valence)
  const second = addPoint(first.curve, "arousal", seconds, arousal)
  return { curve: second.curve, selection: [...first.selection, ...second.selection] }
}

/**
 * Moves points together; at the edges of time and value they stop together, and points in the way make room.
 * `along` are points that only move in time.
 */
export function movePoints(
  curve: Curve,
  refs: readonly Ref[],
  bySeconds: number,
  byValue: number,
  along: readonly Ref[] = [],
): Edited {
  const all = [...refs, ...along]
  const points = all.map(({ lane, index }) => curve[lane][index]!)
  const earliest = Math.min(...points.map(({ seconds }) => seconds))
  const dt = Math.max(bySeconds, -earliest)
  const moved = all.map(({ lane }, i): [LaneName, Point] => {
    const { seconds, value, mode } = points[i]!
    const dv = i < refs.length ? byValue : 0
    const to = tidy({ seconds: seconds + dt, value: value + dv, mode })
    return [lane, { seconds: dt ? to.seconds : seconds, value: dv ? to.value : value, mode }]
  })
  return withPoints(curve, without(curve, all), moved, refs.length)
}

/** The points of the other lane that make a named feeling together with these: what was dropped as one moves as one. */
export function partners(curve: Curve, refs: readonly Ref[]): Ref[] {
  const mine = new Set(refs.map(refKey))
  return refs.flatMap((ref) => {
    const lane = ref.lane === "valence" ? "arousal" : "valence"
    const point = curve[ref.lane][ref.index]!
    const index = curve[lane].findIndex(({ seconds }) => seconds === point.seconds)
    const other = { lane, index } as const
    if (index < 0 || mine.has(refKey(other))) return []
    const partner = curve[lane][index]!
    const word = lane === "arousal" ? wordFor(point.value, partner.value) : wordFor(partner.value, point.value)
    return word ? [other] : []
  })
}

/** The named feeling that a point is part of. */
export function wordAt(curve: Curve, ref: Ref): string | null {
  const other = partners(curve, [ref])[0]
  if (!other) return null
  const [valence, arousal] = ref.lane === "valence" ? [ref, other] : [other, ref]
  return wordFor(curve.valence[valence.index]!.value, curve.arousal[arousal.index]!.value)
}

/** Puts one point to an exact time and value; its partner goes along in time. */
export function setPoint(curve: Curve, ref: Ref, seconds: number, value: number): Edited {
  const along = partners(curve, [ref])
  const point = tidy({ seconds, value, mode: curve[ref.lane][ref.index]!.mode })
  const placed = along.map(({ lane, index }): [LaneName, Point] => [lane, { ...curve[lane][index]!, seconds: point.seconds }])
  return withPoints(curve, without(curve, [ref, ...along]), [[ref.lane, point], ...placed], 1)
}

export function deletePoints(curve: Curve, refs: readonly Ref[]): Edited {
  return { curve: { ...curve, ...Object.fromEntries(without(curve, refs)) }, selection: [] }
}

/** Sets how the curve runs on from points. */
export function setMode(curve: Curve, refs: readonly Ref[], mode: Mode): Edited {
  const chosen = new Set(refs.map(refKey))
  const change = (lane: LaneName): Lane =>
    curve[lane].map((point, index) => (chosen.has(refKey({ lane, index })) ? { ...point, mode } : point))
  return { curve: { valence: change("valence"), arousal: change("arousal") }, selection: refs }
}

/** Turns a feeling into its opposite: the values of a lane, or of points, change their sign. */
export function mirror(curve: Curve, refs: readonly Ref[]): Edited {
  const chosen = new Set((refs.length ? refs : allRefs(curve)).map(refKey))
  const change = (lane: LaneName): Lane =>
    curve[lane].map((point, index) =>
      chosen.has(refKey({ lane, index })) ? { ...point, value: point.value === 0 ? 0 : -point.value } : point,
    )
  return { curve: { valence: change("valence"), arousal: change("arousal") }, selection: refs }
}

export function reset(): Edited {
  return addState(EMPTY, "neutral", 0)
}

export function allRefs(curve: Curve): Ref[] {
  return LANES.flatMap((lane) => curve[lane].map((_, index) => ({ lane, index })))
}

/** Points of both lanes by time, in the order in which Tab reaches them. */
export function inTimeOrder(curve: Curve): Ref[] {
  return allRefs(curve).sort((a, b) => {
    const byTime = curve[a.lane][a.index]!.seconds - curve[b.lane][b.index]!.seconds
    return byTime || LANES.indexOf(a.lane) - LANES.indexOf(b.lane)
  })
}

/** Valence and arousal at a time. */
export function feelingAt(curve: Curve, seconds: number): [number, number] {
  return [sampler(curve.valence)(seconds), sampler(curve.arousal)(seconds)]
}

function tidy({ seconds, value, mode }: Point): Point {
  return { seconds: Math.max(0, rounded(seconds)), value: rounded(clamp(value)), mode }
}

function without(curve: Curve, refs: readonly Ref[]): Map<LaneName, Lane> {
  const gone = new Set(refs.map(refKey))
  return new Map(
    LANES.map((lane) => [lane, curve[lane].filter((_, index) => !gone.has(refKey({ lane, index })))] as const),
  )
}

// A placed point replaces one that stands at its very time: two points cannot. The first `chosen` are selected.
function withPoints(
  curve: Curve,
  kept: Map<LaneName, Lane>,
  placed: [LaneName, Point][],
  chosen = placed.length,
): Edited {
  const selected = new Set(placed.slice(0, chosen).map(([, point]) => point))
  const lanes: Record<LaneName, Lane> = { ...curve }
  const selection: Ref[] = []
  for (const name of LANES) {
    const mine = placed.filter(([lane]) => lane === name).map(([, point]) => point)
    const base = kept.get(name)
    if (!base) continue
    const free = base.filter((point) => !mine.some((other) => Math.abs(other.seconds - point.seconds) < SAME_S))
    const unique = mine.filter((point, i) => !mine.slice(0, i).some((o) => Math.abs(o.seconds - point.seconds) < SAME_S))
    const all = [...free, ...unique].sort((a, b) => a.seconds - b.seconds)
    lanes[name] = all
    const shown = unique.filter((point) => selected.has(point))
    selection.push(...shown.map((point) => ({ lane: name, index: all.indexOf(point) })))
  }
  return { curve: lanes, selection }
}
