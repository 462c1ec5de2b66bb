// The editor: a view of the node's text, which stays the only state. Whatever changes the text, from undo to
// another tab, is seen within a moment and drawn; whatever is done here ends up in the text at once.

import { rounded, secondsAt, snapped, xOf, zoomed, shifted, type Span } from "./axis.ts"
import { EMPTY, LANES, type Curve } from "./curve.ts"
import { feelingAt, refKey, reset, setPoint, type Edited, type Ref } from "./edit.ts"
import type { Editing } from "./editing.ts"
import { ExactNumbers } from "./exact.ts"
import { Gestures } from "./gestures.ts"
import * as keyboard from "./keyboard.ts"
import { drawCurve, drawGround, Handles, layoutOf, MOST_HANDLES, type Layout } from "./lanes.ts"
import { Plane } from "./plane.ts"
import { Player } from "./player.ts"
import type { Sound, Vocalization } from "./sound.ts"
import { html, svg } from "./svg.ts"
import { CurveError, isWords, parse, serialize, toWords } from "./text.ts"
import { Tools } from "./tools.ts"
import { fill, say } from "./words.ts"

/** Where the text lives and what is known of the sound; one node, in ComfyUI. */
export interface Source {
  /** Which text it is: an editor of the same one that takes over goes on where the last one was. */
  key(): string
  read(): string
  write(text: string): void
  /** Undoes the last change of the page, or redoes it. */
  goBack(redo: boolean): void
  sound(): Sound | null
  vocalizations(): readonly Vocalization[]
}

/** How an editor was left when its node was taken away, as undo does before it puts it back. */
interface View {
  readonly span: Span
  readonly playhead: number
  readonly held: boolean
}

const WATCH_MS = 120
/** Seconds shown where no sound says how long the clip is. */
const DEFAULT_S = 10
const PLANE_SHARE = 0.34
const LARGEST_PLANE = 420
/** How long the sound may take to come that a restored span belongs to. */
const PATIENCE_MS = 3000

const left = new Map<string, View>()

export class CurveEditor implements Editing {
  readonly element = html("div", { class: "kf-editor", role: "group", "aria-label": say().name, tabindex: -1 })
  curve: Curve = EMPTY
  selection: readonly Ref[] = []
  span: Span = { from: 0, to: DEFAULT_S }
  layout: Layout = layoutOf(0, 0)
  error = ""
  playhead = 0

  private readonly lanes = svg("svg", { class: "kf-lanes", role: "group", "aria-label": say().lanes })
  private readonly plane = new Plane()
  private readonly player = new Player((seconds) => this.setPlayhead(seconds))
  private readonly tools: Tools
  private readonly exact: ExactNumbers
  private readonly claimant: keyboard.Claimant
  private text: string | null = null
  /** Whether the text is kept in words where words can say it. */
  private words = false
  private heard: Sound | null = null
  private marks: readonly Vocalization[] = []
  /** Until when the sound may still come that the restored span belongs to. */
  private patience = 0
  private readonly ground = svg("g")
  private readonly curves = svg("g")
  private readonly handles = new Handles()
  private readonly overlay = svg("g")
  private readonly value = svg("text", { class: "kf-value" })
  private readonly message = html("span")
  private readonly status = html("div", { class: "kf-status", role: "status", "aria-live": "polite" })
  private readonly observer = new ResizeObserver(() => this.resize())
  private watch: ReturnType<typeof setInterval> | undefined

  constructor(
    readonly source: Source,
    enlarge: (() => void) | null,
  ) {
    this.tools = new Tools(this, enlarge)
    this.exact = new ExactNumbers(
      (ref, seconds, value) => {
        this.apply(setPoint(this.curve, ref, seconds, value))
        this.focus(this.selection[0])
      },
      (ref) => this.focus(ref),
    )
    this.lanes.append(this.ground, this.curves, this.overlay, this.handles.element, this.value)
    const body = html("div", { class: "kf-body" }, this.lanes, this.plane.element)
    this.status.append(this.exact.element, this.message)
    this.element.append(this.tools.element, body, this.status)
    const gestures = new Gestures(this, this.element, this.lanes, this.plane.element)
    this.claimant = {
      element: this.element,
      key: (event) => {
        this.follow() // what undo changed a moment ago is not to come back
        if (this.exact.open && event.target instanceof HTMLInputElement) this.exact.key(event)
        else gestures.key(event)
      },
      wheel: (event) => gestures.wheel(event),
      copy: (event) => this.copy(event),
      paste: (event) => this.paste(event),
    }
    this.element.addEventListener("pointerdown", () => this.follow(), true)
    this.observer.observe(body)
    this.wake()
  }

  /** Starts to follow the text, or goes on after `rest`; where undo put it back, as it was left. */
  wake(restored = false): void {
    keyboard.claim(this.claimant)
    if (restored) this.takeOver()
    this.watch ??= setInterval(() => this.follow(), WATCH_MS)
    this.follow()
  }

  /** Stops following the text and playing; what holds the element is up to its owner. */
  rest(): void {
    left.set(this.source.key(), { span: this.span, playhead: this.playhead, held: keyboard.holds(this.claimant) })
    keyboard.release(this.claimant)
    clearInterval(this.watch)
    this.watch = undefined
    this.player.stop()
  }

  /** Seconds of the sound; without one, of the curve with some room behind it. */
  get duration(): number {
    const last = Math.max(0, ...LANES.map((lane) => this.curve[lane].at(-1)?.seconds ?? 0))
    return this.heard?.seconds ?? Math.max(DEFAULT_S, 1.2 * last)
  }

  /** Puts another tool into the row. */
  addTool(tool: HTMLElement): void {
    this.tools.element.append(tool)
  }

  apply({ curve, selection }: Edited): void {
    this.preview({ curve, selection })
    this.commit()
  }

  preview({ curve, selection }: Edited): void {
    this.curve = curve
    this.selection = selection
    this.draw()
  }

  commit(): void {
    this.text = (this.words && toWords(this.curve)) || serialize(this.curve)
    this.source.write(this.text)
    this.draw()
  }

  revert(): void {
    this.text = null
    this.follow()
  }

  reset(): void {
    this.error = ""
    this.words = true
    this.apply(reset())
  }

  goBack(redo: boolean): void {
    this.source.goBack(redo)
  }

  select(selection: readonly Ref[]): void {
    this.selection = selection
    this.draw()
  }

  focus(ref?: Ref): void {
    const handle = ref && this.handles.find(ref)
    ;(handle ?? this.element).focus({ preventScroll: true })
  }

  editExactly(): void {
    const [ref] = this.selection
    if (this.selection.length !== 1 || !ref) return
    const { seconds, value } = this.curve[ref.lane][ref.index]!
    this.exact.ask(ref, seconds, value)
    this.drawStatus()
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
    this.tools.update(this.player.playing, this.player.canPlay)
  }

  togglePlay(): void {
    this.player.toggle(this.playhead)
  }

  tell(message: string): void {
    this.status.classList.add("kf-wrong")
    this.message.textContent = message
  }

  drawBox(box: { x: number; y: number; width: number; height: number } | null): void {
    this.overlay.querySelector(".kf-box")?.remove()
    if (box) this.overlay.append(svg("rect", { ...box, class: "kf-box" }))
  }

  label(text: string, x = 0, y = 0): void {
    const right = x > this.layout.time.left + this.layout.time.width * 0.6
    this.value.textContent = text
    this.value.setAttribute("x", String(x + (right ? -12 : 12)))
    this.value.setAttribute("y", String(y < 24 ? y + 20 : y - 8))
    this.value.setAttribute("text-anchor", right ? "end" : "start")
  }

  timeAt(x: number, snap: boolean): number {
    const seconds = Math.max(0, secondsAt(x, this.span, this.layout.time))
    return rounded(snap ? snapped(seconds) : seconds)
  }

  private copy(event: ClipboardEvent): void {
    if (event.target instanceof HTMLInputElement) return
    event.clipboardData?.setData("text/plain", this.tools.copyCurve())
    event.preventDefault()
  }

  private paste(event: ClipboardEvent): void {
    if (event.target instanceof HTMLInputElement) return
    this.tools.pasteCurve(event.clipboardData?.getData("text/plain") ?? "")
    event.preventDefault()
  }

  private follow(): void {
    keyboard.settle(this.claimant)
    const text = this.source.read()
    const sound = this.source.sound()
    const marks = this.source.vocalizations()
    const other = sound !== this.heard || marks !== this.marks
    if (text === this.text && !other) return
    const whole = this.span.from === 0 && this.span.to >= this.duration - 1e-6
    this.heard = sound
    this.marks = marks
    if (text !== this.text) this.take(text)
    const waiting = sound === null && Date.now() < this.patience
    if (whole || (this.span.to > this.duration + 1e-6 && !waiting)) this.span = { from: 0, to: this.duration }
    this.player.setUrl(sound?.url ?? "")
    this.draw(true)
  }

  private takeOver(): void {
    const view = left.get(this.source.key())
    if (!view) return
    this.span = view.span
    this.playhead = view.playhead
    this.patience = Date.now() + PATIENCE_MS
    if (view.held) keyboard.hand(this.claimant)
  }

  private take(text: string): void {
    this.text = text
    this.error = ""
    this.selection = []
    try {
      this.curve = parse(text)
      this.words = isWords(text)
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
    this.exact.follow(this.selection)
    if (this.layout.width === 0) return
    const { layout, span, curve } = this
    if (ground) this.ground.replaceChildren(...drawGround(layout, span, this.duration, this.heard, this.marks))
    const focused = this.handles.element.contains(document.activeElement)
    this.curves.replaceChildren(...LANES.map((lane) => drawCurve(layout, span, curve, lane)))
    this.handles.draw(layout, span, curve, new Set(this.selection.map(refKey)))
    if (focused && !this.handles.element.contains(document.activeElement)) this.focus(this.selection[0])
    this.plane.drawTrail(curve, this.duration)
    this.drawPlayhead()
    this.tools.update(this.player.playing, this.player.canPlay)
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
    const crowded = count > MOST_HANDLES ? ` (${fill(say().crowded, { count })})` : ""
    this.message.textContent = this.exact.open ? "" : this.error || `${say().help}${crowded}`
  }
}
