// The lanes of the editor as SVG: sound, valence, arousal, keyframes, all along one time axis.

import { clock, keyframesIn, KEYFRAME_S, ticks, xOf, yOf, type Rectangle, type Span } from "./axis.ts"
import { LANES, sampler, type Curve, type LaneName, type Point } from "./curve.ts"
import { inTimeOrder, refKey, type Ref } from "./edit.ts"
import { columns, type Sound, type Vocalization } from "./sound.ts"
import { pathThrough, set, svg } from "./svg.ts"
import { fill, say } from "./words.ts"

const LABEL_WIDTH = 52
const AXIS_HEIGHT = 18
const KEYFRAMES_HEIGHT = 12
const SOUND_SHARE = 0.24
const GAP = 5
const PADDING = 8
/** Points beyond which handles would only be a smear; zooming in brings them back. */
export const MOST_HANDLES = 400
const CURVE_STEP_PX = 2

export interface Layout {
  readonly width: number
  readonly height: number
  readonly sound: Rectangle
  readonly valence: Rectangle
  readonly arousal: Rectangle
  readonly keyframes: Rectangle
  readonly axis: Rectangle
  /** All of it that is time. */
  readonly time: Rectangle
}

/** Where the lanes lie in a picture of that size. */
export function layoutOf(width: number, height: number): Layout {
  const left = LABEL_WIDTH
  const wide = Math.max(40, width - left - PADDING)
  const usable = Math.max(60, height - AXIS_HEIGHT - KEYFRAMES_HEIGHT - 4 * GAP)
  const sound = { left, top: GAP, width: wide, height: usable * SOUND_SHARE }
  const tall = (usable - sound.height) / 2
  const valence = { left, top: sound.top + sound.height + GAP, width: wide, height: tall }
  const arousal = { ...valence, top: valence.top + tall + GAP }
  const keyframes = { ...arousal, top: arousal.top + tall + GAP, height: KEYFRAMES_HEIGHT }
  const axis = { ...keyframes, top: keyframes.top + KEYFRAMES_HEIGHT, height: AXIS_HEIGHT }
  const time = { left, top: sound.top, width: wide, height: axis.top - sound.top }
  return { width, height, sound, valence, arousal, keyframes, axis, time }
}

/** The area of a lane in which values lie: its points are never cut off. */
export function valueArea(area: Rectangle): Rectangle {
  return { ...area, top: area.top + PADDING, height: Math.max(1, area.height - 2 * PADDING) }
}

/** What is behind the curves: panels, waveform, marks, keyframes, axis. */
export function drawGround(
  layout: Layout,
  span: Span,
  duration: number,
  sound: Sound | null,
  vocalizations: readonly Vocalization[],
): SVGElement[] {
  const parts: SVGElement[] = []
  for (const name of ["sound", ...LANES] as const) {
    const area = layout[name]
    parts.push(svg("rect", { ...rect(area), class: "kf-panel", rx: 3 }))
    const label = svg("text", { x: area.left - 6, y: area.top + area.height / 2, class: `kf-label kf-${name}` }, say()[name])
    parts.push(label)
  }
  const marks = ticks(span, layout.axis)
  for (const seconds of marks) {
    const x = xOf(seconds, span, layout.time)
    parts.push(svg("line", { x1: x, x2: x, y1: layout.time.top, y2: layout.axis.top, class: "kf-grid" }))
    const digits = marks.length > 1 && marks[1]! - marks[0]! < 1 ? (marks[1]! - marks[0]! < 0.1 ? 2 : 1) : 0
    const y = layout.axis.top + layout.axis.height - 5
    parts.push(svg("text", { x, y, class: "kf-time" }, clock(seconds, digits)))
  }
  for (const name of LANES) {
    const y = yOf(0, valueArea(layout[name]))
    parts.push(svg("line", { x1: layout.time.left, x2: layout.time.left + layout.time.width, y1: y, y2: y, class: "kf-zero" }))
  }
  if (sound) parts.push(...waveform(layout.sound, span, sound))
  parts.push(...found(layout.sound, span, vocalizations))
  parts.push(keyframeTicks(layout.keyframes, span))
  const end = xOf(duration, span, layout.time)
  if (end < layout.time.left + layout.time.width)
    parts.push(svg("rect", { ...rect({ ...layout.time, left: end, width: layout.time.left + layout.time.width - end }), class: "kf-behind" }))
  return parts
}

/** A lane's curve. */
export function drawCurve(layout: Layout, span: Span, curve: Curve, name: LaneName): SVGElement {
  const area = valueArea(layout[name])
  const sample = sampler(curve[name])
  const steps = Math.max(2, Math.round(area.width / CURVE_STEP_PX))
  const points = Array.from({ length: steps + 1 }, (_, i) => {
    const seconds = span.from + ((span.to - span.from) * i) / steps
    return [xOf(seconds, span, area), yOf(sample(seconds), area)] as const
  })
  return svg("path", { d: pathThrough(points), class: `kf-curve kf-${name}` })
}

/** The points that can be taken hold of, in the order in which Tab goes through them. */
export class Handles {
  readonly element = svg("g")
  private readonly known = new Map<string, SVGCircleElement>()

  /** Elements are kept and only moved: one under the pointer or with the focus must not be replaced. */
  draw(layout: Layout, span: Span, curve: Curve, selection: ReadonlySet<string>): void {
    const seen = inTimeOrder(curve).filter(({ lane, index }) => {
      const { seconds } = curve[lane][index]!
      return seconds >= span.from - 1e-6 && seconds <= span.to + 1e-6
    })
    const shown = seen.length > MOST_HANDLES ? [] : seen.map((ref) => this.handle(layout, span, curve, ref, selection))
    const children = this.element.children
    if (shown.length !== children.length || shown.some((handle, i) => handle !== children[i]))
      this.element.replaceChildren(...shown)
  }

  find(ref: Ref): SVGElement | undefined {
    return this.known.get(refKey(ref))
  }

  private handle(layout: Layout, span: Span, curve: Curve, ref: Ref, selection: ReadonlySet<string>): SVGCircleElement {
    const key = refKey(ref)
    let handle = this.known.get(key)
    if (!handle) {
      handle = svg("circle", { tabindex: 0, role: "slider", "aria-valuemin": -1, "aria-valuemax": 1, "data-ref": key })
      handle.append(svg("title"))
      this.known.set(key, handle)
    }
    const point = curve[ref.lane][ref.index]!
    const chosen = selection.has(key)
    const area = valueArea(layout[ref.lane])
    const described = describe(ref.lane, point)
    set(handle, {
      cx: xOf(point.seconds, span, area),
      cy: yOf(point.value, area),
      r: chosen ? 6 : 4.5,
      class: `kf-point kf-${ref.lane} kf-${point.mode}${chosen ? " kf-chosen" : ""}`,
      "aria-label": described,
      "aria-valuenow": point.value,
      "aria-valuetext": described,
    })
    handle.firstElementChild!.textContent = `${described}, ${say()[point.mode]}`
    return handle
  }
}

const describe = (lane: LaneName, { seconds, value }: Point): string =>
  fill(say().point, { lane: say()[lane], value, time: clock(seconds, 2) })

function waveform(area: Rectangle, span: Span, sound: Sound): SVGElement[] {
  const count = Math.max(1, Math.round(area.width))
  const middle = area.top + area.height / 2
  const half = area.height / 2 - 3
  let loud = ""
  let quiet = ""
  columns(sound, span, count).forEach(({ low, high, silent }, i) => {
    const x = (area.left + (i * area.width) / count).toFixed(1)
    if (silent) quiet += `M${x} ${area.top}v${area.height}`
    loud += `M${x} ${(middle - half * high - 0.5).toFixed(1)}V${(middle - half * low + 0.5).toFixed(1)}`
  })
  return [svg("path", { d: quiet, class: "kf-silence" }), svg("path", { d: loud, class: "kf-wave" })]
}

function found(area: Rectangle, span: Span, vocalizations: readonly Vocalization[]): SVGElement[] {
  return vocalizations
    .filter(({ start, end }) => end > span.from && start < span.to)
    .flatMap(({ start, end, label }) => {
      const left = Math.max(area.left, xOf(start, span, area))
      const right = Math.min(area.left + area.width, xOf(end, span, area))
      const mark = svg("rect", { ...rect({ ...area, left, width: Math.max(2, right - left) }), class: "kf-found" })
      mark.append(svg("title", {}, fill(say().found, { label, from: clock(start), to: clock(end) })))
      return [mark, svg("text", { x: left + 3, y: area.top + 10, class: "kf-found-label" }, label)]
    })
}

function keyframeTicks(area: Rectangle, span: Span): SVGElement {
  const { first, last } = keyframesIn(span)
  const room = area.width / Math.max(1, last - first)
  const every = room >= 3 ? 1 : Math.ceil(3 / Math.max(room, 1e-3))
  let d = ""
  for (let k = Math.ceil(first / every) * every; k <= last; k += every) {
    const x = xOf(k * KEYFRAME_S, span, area).toFixed(1)
    d += `M${x} ${area.top}v${area.height - 4}`
  }
  return svg("path", { d, class: "kf-keyframes" }, svg("title", {}, say().keyframes))
}

const rect = ({ left, top, width, height }: Rectangle) => ({ x: left, y: top, width: Math.max(0, width), height })
