// The valence-arousal plane: named states as landmarks, the curve as a trail, the feeling at the playhead.

import { sampler, type Curve } from "./curve.ts"
import { nearestState, STATES } from "./states.ts"
import { pathThrough, svg } from "./svg.ts"

const EDGE = 12
const TRAIL_POINTS = 240

export class Plane {
  readonly element = svg("svg", { class: "kf-plane", role: "img", "aria-label": "valence and arousal" })
  private readonly landmarks = svg("g")
  private readonly trail = svg("path", { class: "kf-trail" })
  private readonly now = svg("circle", { class: "kf-now", r: 5 })
  private readonly name = svg("text", { class: "kf-feeling" })
  private side = 120

  constructor() {
    this.element.append(this.landmarks, this.trail, this.now, this.name)
  }

  /** Draws the landmarks anew for a side in pixels. */
  resize(side: number): void {
    this.side = side
    this.element.setAttribute("width", String(side))
    this.element.setAttribute("height", String(side))
    const middle = side / 2
    const axes = svg("path", { d: `M${EDGE} ${middle}H${side - EDGE}M${middle} ${EDGE}V${side - EDGE}`, class: "kf-zero" })
    const texts = [
      svg("text", { x: side - 3, y: middle - 4, class: "kf-plane-label kf-valence", "text-anchor": "end" }, "valence"),
      svg("text", { x: middle + 4, y: 10, class: "kf-plane-label kf-arousal" }, "arousal"),
    ]
    const dots = Object.entries(STATES).map(([name, [v, a]]) => {
      const [x, y] = this.at(v, a)
      const dot = svg("circle", { cx: x, cy: y, r: 3.5, class: "kf-state", "data-state": name })
      dot.append(svg("title", {}, `${name}: drag it onto the curve`))
      return dot
    })
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

  drawFeeling(valence: number, arousal: number): void {
    const [x, y] = this.at(valence, arousal)
    this.now.setAttribute("cx", String(x))
    this.now.setAttribute("cy", String(y))
    this.name.setAttribute("x", "6")
    this.name.setAttribute("y", String(this.side - 6))
    this.name.textContent = nearestState(valence, arousal)
  }

  private at(valence: number, arousal: number): [number, number] {
    const half = this.side / 2 - EDGE
    return [this.side / 2 + valence * half, this.side / 2 - arousal * half]
  }
}
