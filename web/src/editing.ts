// What the editor offers to its tools and gestures; they know nothing else of it.

import type { Span } from "./axis.ts"
import type { Curve } from "./curve.ts"
import type { Edited, Ref } from "./edit.ts"
import type { Layout } from "./lanes.ts"

export interface Editing {
  readonly curve: Curve
  readonly selection: readonly Ref[]
  readonly span: Span
  readonly layout: Layout
  /** Seconds that can be shown. */
  readonly duration: number
  readonly playhead: number
  /** What is wrong with the text; while it is, nothing can be edited. */
  readonly error: string

  /** Takes over a change and writes it into the text. */
  apply(edited: Edited): void
  /** Shows a change that is still being made, such as a drag. */
  preview(edited: Edited): void
  /** Writes what is shown into the text. */
  commit(): void
  /** Goes back to what the text says. */
  revert(): void
  /** Undoes the last change of the page, or redoes it. */
  goBack(redo: boolean): void
  /** Back to neutral throughout. */
  reset(): void

  select(selection: readonly Ref[]): void
  /** Puts the keyboard's focus on a point, or on the editor as a whole. */
  focus(ref?: Ref): void
  /** Asks for exact numbers of the one chosen point. */
  editExactly(): void

  setSpan(span: Span): void
  zoom(factor: number, about?: number): void
  scroll(seconds: number): void
  setPlayhead(seconds: number): void
  togglePlay(): void
  /** The time at a place of the lanes; with `snap`, of the nearest keyframe. */
  timeAt(x: number, snap: boolean): number

  /** Draws a rubber band, or takes it away. */
  drawBox(box: { x: number; y: number; width: number; height: number } | null): void
  /** Says at a place of the lanes what is being dragged there, or stops saying it. */
  label(text: string, x?: number, y?: number): void
  /** Says in the status line what went wrong, until something else happens. */
  tell(message: string): void
}
