// The valence-arousal plane: named states as landmarks, the curve as a trail, the feeling at the playhead.

import { sampler, type Curve } from "./curve.ts"
import { nearestState, STATES } from "./states.ts"
import { pathThrough, svg } from "./svg.ts"
import { fill, say, stateLabel } from "./words.ts"

const EDGE = 12
const TRAIL_POINTS = 240
const NAME_HEIGHT = 10

export class Plane {
  readonly element = svg("svg", { class: "kf-plane", role: "img", "aria-label": say().plane })
  private readonly landmarks = svg("g")
  private readonly trail = svg("path", { class: "kf-trail" })
  private readonly now = svg("circle", { class: "kf-now", r: 5 })
  private readonly name = svg("text", { class: "kf-feeling" })
  private side = 120
  private nearest = "neutral"
  private pointed: string | null = null

  constructor() {
    this.element.append(this.landmarks, this.trail, this.now, this.name)
    this.element.addEventListener("pointerover", ({ target }) => this.point((target as Element).getAttribute("data-state")))
    this.element.addEventListener("pointerleave", () => this.point(null))
  }

  /** Draws the landmarks anew for a side in pixels. */
  resize(side: number): void {
    this.side = side
    this.element.setAttribute("width", String(side))
    this.element.setAttribute("height", String(side))
    const middle = side / 2
    const axes = svg("path", { d: `M${EDGE} ${middle}H${side - EDGE}M${middle} ${EDGE}V${side - EDGE}`, class: "kf-zero" })
    const texts = [
      svg("text", { x: side - 3, y: middle - 4, class: "kf-plane-label kf-valence", "text-anchor": "end" }, say().valence),
      svg("text", { x: middle + 4, y: 10, class: "kf-plane-label kf-arousal" }, say().arousal),
    ]
    const dots = Object.entries(STATES).map(([name, [v, a]]) => {
      const [x, y] = this.at(v, a)
      const dot = svg("circle", { cx: x, cy: y, r: 3.5, class: "kf-state", "data-state": name })
      dot.append(svg("title", {}, fill(say().drag_state, { state: stateLabel(name) })))
      return dot
    })
    texts.push(...this.names())
    this.landmarks.replaceChildren(
      svg("rect", { x: 0, y: 0, width: side, height: side, rx: 3, class: "kf-panel" }),
      axes,
      ...texts,
      ...dots,
    )
  }

  drawTrail(curve: Curve, duration: number): void {
    const [valence, arousal] = [sampler(curve.valence), sampler(curve.arousal)]
    const points = Array.from({ length: TRAIL_POINTS + 1 }, (_, i) => {
      const seconds = (duration * i) / TRAIL_POINTS
      return this.at(valence(seconds), arousal(seconds))
    })
    this.trail.setAttribute("d", pathThrough(points))
  }

  /** The names beside their dots, as many as have room; the others are read by pointing at them. */
  private names(): SVGTextElement[] {
    const middle = this.side / 2
    const places = Object.entries(STATES).map(([name, [v, a]]) => [stateLabel(name), ...this.at(v, a)] as const)
    const taken: Box[] = [
      ...places.map(([, x, y]) => ({ left: x - 4, top: y - 4, width: 8, height: 8 })),
      { left: this.side - 44, top: middle - 13, width: 44, height: 12 },
      { left: middle, top: 0, width: 48, height: 12 },
      { left: 0, top: this.side - 16, width: this.side / 2, height: 16 },
    ]
    const texts: SVGTextElement[] = []
    for (const [label, x, y] of places) {
      const width = widthOf(label)
      const free = [
        { left: x + 6, top: y - 5 },
        { left: x - 6 - width, top: y - 5 },
        { left: x - width / 2, top: y - 15 },
        { left: x - width / 2, top: y + 5 },
      ]
        .map((place) => ({ ...place, width, height: NAME_HEIGHT }))
        .find((box) => this.inside(box) && !taken.some((other) => overlap(box, other)))
      if (!free) continue
      taken.push(free)
      texts.push(svg("text", { x: free.left, y: free.top + 8, class: "kf-state-name" }, label))
    }
    return texts
  }

  private inside({ left, top, width, height }: Box): boolean {
    return left >= 1 && top >= 1 && left + width <= this.side - 1 && top + height <= this.side - 1
  }

  /** Says which state the pointer is on. */
  private point(state: string | null): void {
    this.pointed = state
    this.name.textContent = stateLabel(state ?? this.nearest)
    this.name.classList.toggle("kf-pointed", state !== null)
  }

  drawFeeling(valence: number, arousal: number): void {
    const [x, y] = this.at(valence, arousal)
    this.now.setAttribute("cx", String(x))
    this.now.setAttribute("cy", String(y))
    this.name.setAttribute("x", "6")
    this.name.setAttribute("y", String(this.side - 6))
    this.nearest = nearestState(valence, arousal)
    this.point(this.pointed)
  }

  private at(valence: number, arousal: number): [number, number] {
    const half = this.side / 2 - EDGE
    return [this.side / 2 + valence * half, this.side / 2 - arousal * half]
  }
}

interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height

/** About how wide a name is drawn: Latin letters are half as wide as those of Chinese and Japanese. */
const widthOf = (text: string): number => [...text].reduce((sum, letter) => sum + (letter > "\u2e7f" ? 9 : 5.1), 0)
