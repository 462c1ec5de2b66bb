// The editor: a view of the node's text, which stays the only state. Whatever changes the text, from undo to
// another tab, is seen within a moment and drawn; whatever is done here ends up in the text at once.

import { rounded, secondsAt, snapped, xOf, zoomed, shifted, type Span } from "./axis.ts"
import { EMPTY, LANES, type Curve } from "./curve.ts"
import { feelingAt, refKey, type Edited, type Ref } from "./edit.ts"
import { Gestures } from "./gestures.ts"
import { drawCurve, drawGround, Handles, layoutOf, MOST_HANDLES, type Layout } from "./lanes.ts"
import { Plane } from "./plane.ts"
import { Player } from "./player.ts"
import type { Sound, Vocalization } from "./sound.ts"
import { html, svg } from "./svg.ts"
import { CurveError, parse, serialize } from "./text.ts"
import { Tools } from "./tools.ts"

/** Where the text lives and what is known of the sound; one node, in ComfyUI. */
export interface Source {
  read(): string
  write(text: string): void
  sound(): Sound | null
  vocalizations(): readonly Vocalization[]
}

const WATCH_MS = 120
/** Seconds shown where no sound says how long the clip is. */
const DEFAULT_S = 10
const PLANE_SHARE = 0.34
const LARGEST_PLANE = 260

export class CurveEditor {
  readonly element = html("div", { class: "kf-editor", role: "group", "aria-label": "emotion curve", tabindex: -1 })
  readonly lanes = svg("svg", { class: "kf-lanes", role: "group", "aria-label": "valence and arousal over time" })
  readonly plane = new Plane()
  readonly player: Player
  readonly tools: Tools
  curve: Curve = EMPTY
  selection: readonly Ref[] = []
  span: Span = { from: 0, to: DEFAULT_S }
  layout: Layout = layoutOf(0, 0)
  /** What is wrong with the text; while it is, nothing can be edited and the text stays as it is. */
  error = ""
  playhead = 0

  private text: string | null = null
  private heard: Sound | null = null
  private marks: readonly Vocalization[] = []
  private readonly ground = svg("g")
  private readonly curves = svg("g")
  private readonly handles = new Handles()
  private readonly overlay = svg("g")
  private readonly status = html("div", { class: "kf-status", role: "status", "aria-live": "polite" })
  private readonly observer = new ResizeObserver(() => this.resize())
  private watch: ReturnType<typeof setInterval> | undefined

  constructor(
    readonly source: Source,
    enlarge: (() => void) | null,
  ) {
    this.player = new Player((seconds) => this.setPlayhead(seconds))
    this.tools = new Tools(this, enlarge)
    this.lanes.append(this.ground, this.curves, this.overlay, this.handles.element)
    const body = html("div", { class: "kf-body" }, this.lanes, this.plane.element)
    this.element.append(this.tools.element, body, this.status)
    new Gestures(this)
    this.observer.observe(body)
    this.wake()
  }

  /** Starts to follow the text, or goes on after `rest`. */
  wake(): void {
    this.watch ??= setInterval(() => this.follow(), WATCH_MS)
    this.follow()
  }

  /** Stops following the text and playing; what holds the element is up to its owner. */
  rest(): void {
    clearInterval(this.watch)
    this.watch = undefined
    this.player.stop()
  }

  /** Seconds of the sound; without one, of the curve with some room behind it. */
  get duration(): number {
    const last = Math.max(0, ...LANES.map((lane) => this.curve[lane].at(-1)?.seconds ?? 0))
    return this.heard?.seconds ?? Math.max(DEFAULT_S, 1.2 * last)
  }

  /** Takes over a change and writes it into the text. */
  apply({ curve, selection }: Edited): void {
    this.preview({ curve, selection })
    this.commit()
  }

  /** Shows a change that is still being made, such as a drag. */
  preview({ curve, selection }: Edited): void {
    this.curve = curve
    this.selection = selection
    this.draw()
  }

  /** Writes what is shown into the text. */
  commit(): void {
    this.text = serialize(this.curve)
    this.source.write(this.text)
    this.draw()
  }

  /** Goes back to what the text says. */
  revert(): void {
    this.text = null
    this.follow()
  }

  select(selection: readonly Ref[]): void {
    this.selection = selection
    this.draw()
  }

  setSpan(span: Span): void {
    this.span = span
    this.draw(true)
  }

  zoom(factor: number, about = (this.span.from + this.span.to) / 2): void {
    this.setSpan(zoomed(this.span, factor, about, this.duration))
  }

  scroll(seconds: number): void {
    this.setSpan(shifted(this.span, seconds, this.duration))
  }

  setPlayhead(seconds: number): void {
    this.playhead = Math.max(0, Math.min(seconds, this.duration))
    if (this.player.playing && this.playhead > this.span.to) this.scroll(this.span.to - this.span.from)
    this.drawPlayhead()
    this.tools.update()
  }

  /** Says in the status line what went wrong, until something else happens. */
  tell(message: string): void {
    this.status.classList.add("kf-wrong")
    this.status.replaceChildren(message)
  }

  /** Draws a rubber band, or takes it away. */
  drawBox(box: { x: number; y: number; width: number; height: number } | null): void {
    this.overlay.querySelector(".kf-box")?.remove()
    if (box) this.overlay.append(svg("rect", { ...box, class: "kf-box" }))
  }

  /** Puts the keyboard's focus on a point. */
  focus(ref: Ref): void {
    this.handles.find(ref)?.focus({ preventScroll: true })
  }

  /** The time at a place of the lanes; with `snap`, of the nearest keyframe. */
  timeAt(x: number, snap: boolean): number {
    const seconds = Math.max(0, secondsAt(x, this.span, this.layout.time))
    return rounded(snap ? snapped(seconds) : seconds)
  }

  private follow(): void {
    const text = this.source.read()
    const sound = this.source.sound()
    const marks = this.source.vocalizations()
    const other = sound !== this.heard || marks !== this.marks
    if (text === this.text && !other) return
    const whole = this.span.from === 0 && this.span.to >= this.duration - 1e-6
    this.heard = sound
    this.marks = marks
    if (text !== this.text) this.take(text)
    if (whole || this.span.to > this.duration + 1e-6) this.span = { from: 0, to: this.duration }
    this.player.setUrl(sound?.url ?? "")
    this.draw(true)
  }

  private take(text: string): void {
    this.text = text
    this.error = ""
    this.selection = []
    try {
      this.curve = parse(text)
    } catch (error) {
      if (!(error instanceof CurveError)) throw error
      this.error = error.message
      this.curve = EMPTY
    }
  }

  private resize(): void {
    const body = this.lanes.parentElement!
    const side = Math.min(LARGEST_PLANE, body.clientHeight, Math.round(body.clientWidth * PLANE_SHARE))
    this.plane.resize(Math.max(60, side))
    const width = Math.max(80, body.clientWidth - side - 4)
    this.layout = layoutOf(width, Math.max(80, body.clientHeight))
    this.lanes.setAttribute("width", String(width))
    this.lanes.setAttribute("height", String(this.layout.height))
    this.draw(true)
  }

  private draw(ground = false): void {
    if (this.layout.width === 0) return
    const { layout, span, curve } = this
    if (ground) this.ground.replaceChildren(...drawGround(layout, span, this.duration, this.heard, this.marks))
    const focused = this.handles.element.contains(document.activeElement)
    this.curves.replaceChildren(...LANES.map((lane) => drawCurve(layout, span, curve, lane)))
    this.handles.draw(layout, span, curve, new Set(this.selection.map(refKey)))
    if (focused && !this.handles.element.contains(document.activeElement)) {
      if (this.selection[0]) this.focus(this.selection[0])
      else this.element.focus({ preventScroll: true }) // where the keyboard still belongs to the editor
    }
    this.plane.drawTrail(curve, this.duration)
    this.drawPlayhead()
    this.tools.update()
    this.drawStatus()
  }

  private drawPlayhead(): void {
    this.overlay.querySelector(".kf-playhead")?.remove()
    const { time } = this.layout
    const x = xOf(this.playhead, this.span, time)
    if (x >= time.left && x <= time.left + time.width) {
      this.overlay.append(svg("line", { x1: x, x2: x, y1: time.top, y2: time.top + time.height, class: "kf-playhead" }))
    }
    this.plane.drawFeeling(...feelingAt(this.curve, this.playhead))
  }

  private drawStatus(): void {
    this.status.classList.toggle("kf-wrong", this.error !== "")
    const count = LANES.reduce((sum, lane) => sum + this.curve[lane].length, 0)
    const crowded = count > MOST_HANDLES ? ` (${count} points: zoom in to edit them)` : ""
    const exact = this.error ? null : this.tools.exact(this.selection)
    this.status.replaceChildren(
      exact ?? (this.error || `click: add · drag: move, Alt: to keyframes · double click: numbers${crowded}`),
    )
  }
}
