// Where seconds and values lie on the screen, and where keyframes lie in time: pure arithmetic.

export const FPS = 25
export const KEYFRAME_STEP = 13
export const KEYFRAME_S = KEYFRAME_STEP / FPS
/** Seconds below which zooming in ends. */
export const SHORTEST_SPAN = 0.2

/** The part of the time axis that is seen. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface Rectangle {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export const xOf = (seconds: number, span: Span, area: Rectangle): number =>
  area.left + ((seconds - span.from) / (span.to - span.from)) * area.width

export const secondsAt = (x: number, span: Span, area: Rectangle): number =>
  span.from + ((x - area.left) / area.width) * (span.to - span.from)

export const yOf = (value: number, area: Rectangle): number => area.top + ((1 - value) / 2) * area.height

export const valueAt = (y: number, area: Rectangle): number => 1 - (2 * (y - area.top)) / area.height

/** The span after zooming by `factor` (below 1: in) about a time, kept within the sound. */
export function zoomed(span: Span, factor: number, about: number, duration: number): Span {
  const length = Math.min(duration, Math.max(SHORTEST_SPAN, (span.to - span.from) * factor))
  const share = (about - span.from) / (span.to - span.from)
  return shifted({ from: about - share * length, to: about + (1 - share) * length }, 0, duration)
}

/** The span moved by seconds, kept within the sound. */
export function shifted(span: Span, by: number, duration: number): Span {
  const length = Math.min(span.to - span.from, duration)
  const from = Math.max(0, Math.min(span.from + by, duration - length))
  return { from, to: from + length }
}

/** The nearest time at which a keyframe lies. */
export const snapped = (seconds: number): number => Math.round(seconds / KEYFRAME_S) * KEYFRAME_S

/** Times are written to the millisecond, values to the thousandth: finer than a frame or the eye. */
export const rounded = (number: number): number => Math.round(number * 1000) / 1000

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]

/** Round times within a span, about `room` pixels or more apart. */
export function ticks(span: Span, area: Rectangle, room = 60): number[] {
  const perSecond = area.width / (span.to - span.from)
  const step = STEPS.find((candidate) => candidate * perSecond >= room) ?? STEPS.at(-1)!
  const first = Math.ceil(span.from / step - 1e-9)
  const last = Math.floor(span.to / step + 1e-9)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => rounded((first + i) * step))
}

/** Numbers of the keyframes whose times lie within a span of a clip; the last one may lie behind its end. */
export function keyframesIn(span: Span): { first: number; last: number } {
  return { first: Math.max(0, Math.ceil(span.from / KEYFRAME_S - 1e-9)), last: Math.floor(span.to / KEYFRAME_S + 1e-9) }
}

/** 0.50, 12.3, 1:05.2 or 1:00:05. */
export function clock(seconds: number, digits = 1): string {
  if (seconds < 60) return seconds.toFixed(digits)
  const whole = Math.floor(seconds)
  const two = (n: number) => String(n).padStart(2, "0")
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const fraction = digits ? (seconds - whole).toFixed(digits).slice(1) : ""
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}${fraction}`
}
