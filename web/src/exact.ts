// The numbers of one point, to be typed. The fields stay in the page while the rest is drawn anew: a field that
// is taken out and put back loses the keyboard.

import type { Ref } from "./edit.ts"
import { sameRef } from "./edit.ts"
import { html } from "./svg.ts"
import { say } from "./words.ts"

export class ExactNumbers {
  readonly element = html("span", { class: "kf-exact", hidden: "" })
  private readonly seconds = html("input", { type: "number", step: 0.04 })
  private readonly value = html("input", { type: "number", step: 0.05 })
  private readonly lane = html("span")
  private ref: Ref | null = null

  constructor(
    private readonly take: (ref: Ref, seconds: number, value: number) => void,
    private readonly leave: (ref: Ref) => void,
  ) {
    this.seconds.setAttribute("aria-label", say().seconds)
    this.element.append(say().seconds, this.seconds, this.lane, this.value, say().exact)
  }

  get open(): boolean {
    return this.ref !== null
  }

  ask(ref: Ref, seconds: number, value: number): void {
    this.ref = ref
    this.lane.textContent = say()[ref.lane]
    this.value.setAttribute("aria-label", say()[ref.lane])
    this.seconds.value = String(seconds)
    this.value.value = String(value)
    this.element.hidden = false
    this.seconds.focus({ preventScroll: true })
    this.seconds.select()
  }

  /** Closes without a change when another point, or none, is chosen. */
  follow(selection: readonly Ref[]): void {
    const [only] = selection
    if (this.ref && !(only && selection.length === 1 && sameRef(only, this.ref))) this.close()
  }

  key({ key }: KeyboardEvent): void {
    const { ref } = this
    if (!ref || (key !== "Enter" && key !== "Escape")) return
    const [seconds, value] = [this.seconds.valueAsNumber, this.value.valueAsNumber]
    this.close()
    if (key === "Enter" && Number.isFinite(seconds) && Number.isFinite(value)) this.take(ref, seconds, value)
    else this.leave(ref)
  }

  private close(): void {
    this.ref = null
    this.element.hidden = true
  }
}
