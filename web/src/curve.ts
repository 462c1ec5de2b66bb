// What the face feels over time, as keyface_lib.method.emotion defines it: two lanes of points, sampled by the same
// interpolant (tests/emotion_vectors.json holds both to 1e-6).

export type Mode = "smooth" | "linear" | "hold"
export const MODES: readonly Mode[] = ["smooth", "linear", "hold"]

export type LaneName = "valence" | "arousal"
export const LANES: readonly LaneName[] = ["valence", "arousal"]

/** A value in [-1, 1] at a time in seconds; `mode` is how the curve runs from here to the next point. */
export interface Point {
  readonly seconds: number
  readonly value: number
  readonly mode: Mode
}

/** Points in rising order of time. */
export type Lane = readonly Point[]
export type Curve = Readonly<Record<LaneName, Lane>>

export const EMPTY: Curve = { valence: [], arousal: [] }

/** The cubic that starts at a point: value + dt * (linear + dt * (quadratic + dt * cubic)). */
interface Piece {
  readonly linear: number
  readonly quadratic: number
  readonly cubic: number
}

/** A lane as a function of time. Before its first and after its last point it keeps their values. */
export function sampler(lane: Lane): (seconds: number) => number {
  if (lane.length === 0) return () => 0
  const pieces = polynomials(lane)
  return (seconds) => {
    const index = Math.max(0, lastAtOrBefore(lane, seconds))
    const point = lane[index]!
    const { linear, quadratic, cubic } = pieces[index]!
    const dt = Math.max(0, seconds - point.seconds)
    return point.value + dt * (linear + dt * (quadratic + dt * cubic))
  }
}

/** Index of the last point at or before a time; -1 where there is none. */
export function lastAtOrBefore(lane: Lane, seconds: number): number {
  let low = 0
  let high = lane.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (lane[middle]!.seconds <= seconds) low = middle + 1
    else high = middle
  }
  return low - 1
}

// All modes are Hermite pieces: a linear one has its own slope as both tangents, a held one is flat, and so is
// the piece behind the last point, which never ends.
function polynomials(lane: Lane): Piece[] {
  const step: number[] = []
  const slope: number[] = []
  for (let i = 0; i + 1 < lane.length; i++) {
    const h = lane[i + 1]!.seconds - lane[i]!.seconds
    step.push(h)
    slope.push(lane[i]!.mode === "hold" ? 0 : (lane[i + 1]!.value - lane[i]!.value) / h)
  }
  const [starts, ends] = tangents(
    step,
    slope,
    lane.map(({ mode }) => mode === "smooth"),
  )
  const pieces = slope.map((s, i) => {
    const [h, start, end] = [step[i]!, starts[i]!, ends[i]!]
    return {
      linear: start,
      quadratic: (2 * (s - start) + (s - end)) / h,
      cubic: (start - s + (end - s)) / h ** 2,
    }
  })
  return [...pieces, { linear: 0, quadratic: 0, cubic: 0 }]
}

// Where two smooth pieces meet: Steffen 1990. At the outer end of a run of smooth pieces the tangent that makes
// its last piece a parabola; a smooth piece without smooth neighbours is straight.
function tangents(step: number[], slope: number[], smooth: boolean[]): [number[], number[]] {
  const inner: (number | null)[] = [null]
  for (let i = 0; i + 1 < slope.length; i++) {
    if (!(smooth[i] && smooth[i + 1])) {
      inner.push(null)
      continue
    }
    const [s0, s1, h0, h1] = [slope[i]!, slope[i + 1]!, step[i]!, step[i + 1]!]
    const parabola = s0 * (h1 / (h0 + h1)) + s1 * (h0 / (h0 + h1))
    const steepest = Math.min(Math.abs(s0), Math.abs(s1), Math.abs(parabola) / 2)
    inner.push((Math.sign(s0) + Math.sign(s1)) * steepest)
  }
  inner.push(null)
  const at = (own: number | null, other: number | null, s: number): number =>
    own ?? (other === null ? s : (3 * s - other) / 2)
  return [
    slope.map((s, i) => at(inner[i]!, inner[i + 1]!, s)),
    slope.map((s, i) => at(inner[i + 1]!, inner[i]!, s)),
  ]
}
