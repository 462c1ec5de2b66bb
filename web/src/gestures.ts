// Pointer and keyboard on the lanes and the plane.

import { clock, FPS, KEYFRAME_S, rounded, valueAt, xOf, yOf, type Rectangle } from "./axis.ts"
import { LANES, type Curve, type LaneName } from "./curve.ts"
import * as edit from "./edit.ts"
import type { Editing } from "./editing.ts"
import { valueArea } from "./lanes.ts"
import { fill, say, stateLabel } from "./words.ts"

/** Pixels a pointer moves before a press becomes a drag. */
const SLACK_PX = 4
/** Pixels from a point's middle within which it is meant. */
const REACH_PX = 9
/** Pixels up or down before a named feeling's value gives way: a hand that moves it in time trembles. */
const NAMED_SLACK_PX = 10
const VALUE_STEP = 0.02
const COARSE = 5

interface Place {
  readonly x: number
  readonly y: number
}

interface Drag {
  readonly start: Place
  readonly before: Curve
  readonly refs: readonly edit.Ref[]
  /** Points that go along in time. */
  readonly along: readonly edit.Ref[]
  /** Whether a named feeling was taken hold of. */
  readonly named: boolean
  moved: boolean
}

export class Gestures {
  private drag: Drag | null = null
  private box: Place | null = null
  private state: string | null = null

  constructor(
    private readonly editor: Editing,
    element: HTMLElement,
    private readonly lanes: SVGSVGElement,
    private readonly plane: SVGSVGElement,
  ) {
    lanes.addEventListener("pointerdown", (event) => this.press(event))
    lanes.addEventListener("pointermove", (event) => this.move(event))
    lanes.addEventListener("pointerup", (event) => this.release(event))
    lanes.addEventListener("pointercancel", () => this.cancel())
    lanes.addEventListener("dblclick", (event) => this.doubleClick(event))
    lanes.addEventListener("focusin", (event) => this.focused(event))
    plane.addEventListener("pointerdown", (event) => this.pickState(event))
    plane.addEventListener("pointermove", (event) => this.carryState(event))
    plane.addEventListener("pointerup", (event) => this.dropState(event))
    plane.addEventListener("pointercancel", () => this.cancel())
    // The canvas below would start to pan.
    for (const name of ["pointerdown", "contextmenu"]) element.addEventListener(name, (event) => event.stopPropagation())
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0 || this.editor.error) return
    const place = this.placeOf(event)
    this.lanes.setPointerCapture(event.pointerId)
    const ref = this.pointAt(place)
    if (!ref) {
      if (this.laneAt(place)) this.box = place
      else this.editor.setPlayhead(this.editor.timeAt(place.x, event.altKey))
      return
    }
    const chosen = this.editor.selection
    const among = chosen.some((other) => edit.sameRef(other, ref))
    const refs = event.shiftKey ? toggled(chosen, ref) : among ? chosen : [ref]
    this.editor.select(refs)
    this.editor.focus(ref)
    const along = event.ctrlKey || event.metaKey ? [] : edit.partners(this.editor.curve, refs)
    const named = edit.wordAt(this.editor.curve, ref) !== null
    this.drag = { start: place, before: this.editor.curve, refs, along, named, moved: false }
  }

  private move(event: PointerEvent): void {
    const place = this.placeOf(event)
    if (this.drag) this.dragTo(place, event.altKey)
    else if (this.box) this.editor.drawBox(boxOf(this.box, place))
  }

  private dragTo(place: Place, snap: boolean): void {
    const { drag, editor } = this
    if (!drag || drag.refs.length === 0) return
    if (!drag.moved && Math.hypot(place.x - drag.start.x, place.y - drag.start.y) < SLACK_PX) return
    drag.moved = true
    const { time } = editor.layout
    const area = valueArea(editor.layout.valence)
    const perSecond = time.width / (editor.span.to - editor.span.from)
    const lead = drag.before[drag.refs[0]!.lane][drag.refs[0]!.index]!
    const wanted = lead.seconds + (place.x - drag.start.x) / perSecond
    const seconds = snap ? editor.timeAt(xOf(wanted, editor.span, time), true) : wanted
    const up = drag.named ? beyond(place.y - drag.start.y, NAMED_SLACK_PX) : place.y - drag.start.y
    const value = valueAt(drag.start.y + up, area) - valueAt(drag.start.y, area)
    editor.preview(edit.movePoints(drag.before, drag.refs, seconds - lead.seconds, value, drag.along))
    this.sayWhere(editor.selection[0])
  }

  /** Says value, time and feeling beside a point. */
  private sayWhere(ref: edit.Ref | undefined): void {
    const { curve, span, layout } = this.editor
    const point = ref && curve[ref.lane][ref.index]
    if (!point) return
    const [name, factor] = edit.wordAt(curve, ref)?.split("*") ?? []
    const word = name ? ` · ${stateLabel(name)}${factor ? ` × ${factor}` : ""}` : ""
    const here = fill(say().here, { value: point.value, time: clock(point.seconds, 2) })
    this.editor.label(here + word, xOf(point.seconds, span, layout.time), yOf(point.value, valueArea(layout[ref.lane])))
  }

  private release(event: PointerEvent): void {
    const { editor, drag, box } = this
    this.drag = this.box = null
    editor.drawBox(null)
    editor.label("")
    if (drag) {
      if (drag.moved) editor.commit()
      return
    }
    if (!box) return
    const place = this.placeOf(event)
    if (Math.hypot(place.x - box.x, place.y - box.y) >= SLACK_PX) {
      const inside = this.within(boxOf(box, place))
      editor.select(event.shiftKey ? [...editor.selection, ...inside] : inside)
      return
    }
    const lane = this.laneAt(place)
    if (!lane) return
    if (event.shiftKey) {
      editor.select([])
      return
    }
    const value = valueAt(place.y, valueArea(editor.layout[lane]))
    const edited = edit.addPoint(editor.curve, lane, editor.timeAt(place.x, event.altKey), value)
    editor.apply(edited)
    editor.focus(edited.selection[0]!)
  }

  private cancel(): void {
    const dragged = this.drag?.moved
    this.drag = this.box = this.state = null
    this.editor.drawBox(null)
    this.editor.label("")
    if (dragged) this.editor.revert()
  }

  private doubleClick(event: MouseEvent): void {
    const ref = this.pointAt(this.placeOf(event))
    if (!ref) return
    this.editor.select([ref])
    this.editor.editExactly()
  }

  wheel(event: WheelEvent): void {
    event.preventDefault()
    const { editor } = this
    const tools = (event.target as Element).closest(".kf-tools")
    if (tools) {
      tools.scrollLeft += event.deltaX + event.deltaY // those of a narrow node do not all have room
      return
    }
    const length = editor.span.to - editor.span.from
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      editor.scroll(((event.deltaX || event.deltaY) / 500) * length)
      return
    }
    const { time } = editor.layout
    const x = Math.max(time.left, Math.min(time.left + time.width, this.placeOf(event).x))
    editor.zoom(Math.exp(event.deltaY / 400), editor.timeAt(x, false))
  }

  private focused(event: FocusEvent): void {
    const ref = refOf(event.target)
    const chosen = this.editor.selection
    if (ref && !this.drag && !chosen.some((other) => edit.sameRef(other, ref))) this.editor.select([ref])
  }

  private pickState(event: PointerEvent): void {
    const name = (event.target as Element).getAttribute("data-state")
    if (!name || this.editor.error) return
    this.state = name
    this.plane.setPointerCapture(event.pointerId)
  }

  private carryState(event: PointerEvent): void {
    if (!this.state) return
    const place = this.placeOf(event)
    const time = clock(this.editor.timeAt(place.x, event.altKey), 2)
    this.editor.label(this.overTime(place) ? fill(say().placed, { state: stateLabel(this.state), time }) : "", place.x, place.y)
  }

  /** A state let go over the lanes becomes a point there; a click on it, one at the playhead. */
  private dropState(event: PointerEvent): void {
    const { editor, state } = this
    this.state = null
    if (!state) return
    editor.label("")
    const place = this.placeOf(event)
    const onLanes = this.overTime(place)
    const seconds = onLanes ? editor.timeAt(place.x, event.altKey) : editor.playhead
    if (onLanes || (event.target as Element).getAttribute("data-state") === state || place.x > editor.layout.width)
      editor.apply(edit.addState(editor.curve, state, rounded(seconds)))
  }

  private overTime({ x, y }: Place): boolean {
    const { time } = this.editor.layout
    return x >= time.left && x <= time.left + time.width && y >= time.top && y <= time.top + time.height
  }

  /** What a key does, whatever in the editor has the focus. */
  key(event: KeyboardEvent): void {
    const target = event.target as Element
    if (target.closest("input")) return
    if (event.ctrlKey || event.metaKey) {
      const key = event.key.toLowerCase()
      if (key === "a") this.editor.select(edit.allRefs(this.editor.curve))
      else if (key === "z" || key === "y") event.repeat || this.editor.goBack(key === "y" || event.shiftKey)
      else if (key !== "s") return // copy and paste come as events of their own; saving the page helps nobody
    } else if (target.closest("button, select") && !["Delete", "Backspace", "Escape"].includes(event.key)) {
      return // they have their own use for it
    } else if (event.key === " ") {
      this.editor.togglePlay()
    } else if (!this.keyOnPoints(event)) {
      return
    }
    event.preventDefault()
  }

  private keyOnPoints(event: KeyboardEvent): boolean {
    const { editor } = this
    const refs = editor.selection
    if (refs.length === 0 || editor.error) return false
    const coarse = event.shiftKey ? COARSE : 1
    const time = event.altKey ? KEYFRAME_S : coarse / FPS
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-time, 0],
      ArrowRight: [time, 0],
      ArrowUp: [0, VALUE_STEP * coarse],
      ArrowDown: [0, -VALUE_STEP * coarse],
    }
    const step = steps[event.key]
    if (step) {
      editor.apply(edit.movePoints(editor.curve, refs, ...step, edit.partners(editor.curve, refs)))
      editor.focus(editor.selection[0])
    } else if (event.key === "Delete" || event.key === "Backspace") {
      editor.apply(edit.deletePoints(editor.curve, refs))
      editor.focus()
    } else if (event.key === "Enter") {
      editor.editExactly()
    } else if (event.key === "Escape") {
      editor.select([])
      editor.focus()
    } else {
      return false
    }
    return true
  }

  /** Where an event lies in the lanes' own pixels, however far the canvas is zoomed. */
  private placeOf(event: MouseEvent): Place {
    const { layout } = this.editor
    const shown = this.lanes.getBoundingClientRect()
    const scale = shown.width / layout.width || 1
    return { x: (event.clientX - shown.left) / scale, y: (event.clientY - shown.top) / scale }
  }

  private laneAt({ x, y }: Place): LaneName | null {
    const inside = ({ left, top, width, height }: Rectangle) =>
      x >= left - SLACK_PX && x <= left + width + SLACK_PX && y >= top && y <= top + height
    return LANES.find((lane) => inside(this.editor.layout[lane])) ?? null
  }

  /** The nearest point that is within reach, if points are shown at all. */
  private pointAt({ x, y }: Place): edit.Ref | null {
    const { curve, span, layout } = this.editor
    if (!this.lanes.querySelector(".kf-point")) return null // too many to be told apart
    let nearest: edit.Ref | null = null
    let least = REACH_PX
    for (const ref of edit.allRefs(curve)) {
      const { seconds, value } = curve[ref.lane][ref.index]!
      const distance = Math.hypot(xOf(seconds, span, layout.time) - x, yOf(value, valueArea(layout[ref.lane])) - y)
      if (distance < least) [nearest, least] = [ref, distance]
    }
    return nearest
  }

  private within(box: { x: number; y: number; width: number; height: number }): edit.Ref[] {
    const { curve, span, layout } = this.editor
    return edit.allRefs(curve).filter(({ lane, index }) => {
      const { seconds, value } = curve[lane][index]!
      const x = xOf(seconds, span, layout.time)
      const y = yOf(value, valueArea(layout[lane]))
      return x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height
    })
  }
}

const beyond = (way: number, slack: number): number => Math.sign(way) * Math.max(0, Math.abs(way) - slack)

const boxOf = (a: Place, b: Place) => ({
  x: Math.min(a.x, b.x),
  y: Math.min(a.y, b.y),
  width: Math.abs(a.x - b.x),
  height: Math.abs(a.y - b.y),
})

const toggled = (refs: readonly edit.Ref[], ref: edit.Ref): edit.Ref[] =>
  refs.some((other) => edit.sameRef(other, ref)) ? refs.filter((other) => !edit.sameRef(other, ref)) : [ref, ...refs]

function refOf(target: EventTarget | null): edit.Ref | null {
  const key = (target as Element | null)?.getAttribute?.("data-ref")
  const [lane, index] = key?.split(" ") ?? []
  return lane ? { lane: lane as LaneName, index: Number(index) } : null
}
