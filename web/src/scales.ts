// Guidance scales that come from the model: the widgets show the numbers in force and cannot be turned meanwhile.
// The numbers set before stay what the graph holds: they are saved, sent with a prompt, and back at "as set".

import { isLinked, loaderOf, type HostNode, type Saved, type Widget } from "./graph.ts"
import { fill, sayScales } from "./words.ts"

export type Guidance = Readonly<Record<string, number>>
/** What two choices of the loader recommend: null where that cannot be known, undefined while it is asked for. */
export type Ask = (keyframe: string, interpolation: string) => Guidance | null | undefined

const AS_SET = "as set"
const FROM_MODEL = "from the model"
const LOADER = "KeyFaceLoadModels"
/** The guidance scale that a widget holds, and the inputs its model arrives at. */
const WIDGETS: Readonly<Record<string, { scale: string; models: readonly string[] }>> = {
  audio_scale: { scale: "audio", models: ["keyframe_model", "model"] },
  identity_scale: { scale: "identity", models: ["keyframe_model", "model"] },
  autoguidance_scale: { scale: "auto", models: ["interpolation_model", "model"] },
}

const widgetOf = (node: HostNode, name: string): Widget | undefined => node.widgets?.find((widget) => widget.name === name)

/** Whether a node has guidance scales that may be the model's. */
export const hasScales = (node: HostNode): boolean => Boolean(node.comfyClass?.startsWith("KeyFace") && widgetOf(node, "scales"))

/**
 * The number in force for a widget: its own (false), the model's, null where the model's cannot be known, and
 * undefined while it is asked for.
 */
export function inForce(node: HostNode, widget: string, ask: Ask): number | false | null | undefined {
  const known = WIDGETS[widget]
  if (!known || widgetOf(node, "scales")?.value !== FROM_MODEL || isLinked(node, "scales")) return false
  const input = known.models.find((model) => node.inputs?.some(({ name }) => name === model))
  const loader = input === undefined ? null : loaderOf(node, input)
  if (loader?.comfyClass !== LOADER) return null
  const [keyframe, interpolation] = ["keyframe", "interpolation"].map((role) =>
    isLinked(loader, role) ? undefined : widgetOf(loader, role)?.value,
  )
  if (typeof keyframe !== "string" || typeof interpolation !== "string") return null
  const guidance = ask(keyframe, interpolation)
  return guidance ? (guidance[known.scale] ?? false) : guidance
}

interface Shown {
  /** What the graph holds. */
  set: unknown
  /** What the widget shows in its place. */
  value: unknown
  label: string | undefined
  tooltip: string | undefined
}

/** The guidance scales of one node. */
export class Scales {
  private readonly shown = new Map<Widget, Shown>()

  /** `fresh`: the node is new, not one that a file or a prompt describes. */
  constructor(
    private readonly node: HostNode,
    private readonly ask: Ask,
    fresh: boolean,
  ) {
    const { configure, onSerialize } = node
    node.configure = (saved) => {
      this.release()
      this.choose(AS_SET) // where a file says nothing, it is older than the choice
      configure.call(node, saved)
    }
    node.onSerialize = (saved) => {
      onSerialize?.call(node, saved)
      this.save(saved)
    }
    if (fresh) this.choose(FROM_MODEL)
  }

  /** Shows what is in force now; says whether anything changed. */
  follow(): boolean {
    let changed = false
    for (const widget of this.node.widgets ?? []) {
      const now = inForce(this.node, widget.name, this.ask)
      if (now === false) changed = this.giveBack(widget) || changed
      else changed = this.take(widget, now) || changed
    }
    return changed
  }

  private choose(choice: string): void {
    const scales = widgetOf(this.node, "scales")
    if (scales) scales.value = choice
  }

  private take(widget: Widget, now: number | null | undefined): boolean {
    const before = this.shown.get(widget)
    if (before && now === undefined) return false
    const { label, tooltip } = before ?? widget
    const set = !before || widget.value !== before.value ? widget.value : before.set // somebody else wrote it
    const value = now === undefined ? widget.value : (now ?? set)
    const text = { label: now === null ? fill(sayScales().unknown, { label: label ?? widget.name }) : label }
    if (before && before.set === set && before.value === value && widget.value === value && widget.label === text.label) return false
    const shown = { set, value, label, tooltip }
    this.shown.set(widget, shown)
    widget.value = value
    widget.label = text.label
    widget.tooltip = now === null ? sayScales().unknown_tip : sayScales().tip
    widget.disabled = true
    widget.serializeValue = () => this.setOf(widget)
    // The canvas leaves the value of what is disabled out.
    Object.defineProperty(widget, "_displayValue", { configurable: true, get: () => (now == null ? "" : written(widget)) })
    return true
  }

  private giveBack(widget: Widget): boolean {
    const shown = this.shown.get(widget)
    if (!shown) return false
    widget.value = this.setOf(widget)
    this.shown.delete(widget)
    widget.label = shown.label
    widget.tooltip = shown.tooltip
    widget.disabled = false
    delete widget.serializeValue
    delete (widget as { _displayValue?: string })._displayValue
    return true
  }

  private release(): void {
    for (const widget of [...this.shown.keys()]) this.giveBack(widget)
  }

  private setOf(widget: Widget): unknown {
    const shown = this.shown.get(widget)
    return shown && widget.value === shown.value ? shown.set : widget.value
  }

  private save(saved: Saved): void {
    const all = this.node.widgets ?? []
    const kept = all.filter(({ serialize }) => serialize !== false)
    for (const widget of this.shown.keys()) {
      const { widgets_values: values, widgets_values_named: named } = saved
      if (named && widget.name in named) named[widget.name] = this.setOf(widget)
      // By their place among those that are saved, or, in older front ends, among all.
      const place = values && [kept.indexOf(widget), all.indexOf(widget)].find((at) => values[at] === widget.value)
      if (place !== undefined) values![place] = this.setOf(widget)
    }
  }
}

function written(widget: Widget): string {
  const value = Number(widget.value)
  const precision = Number(widget.options?.precision ?? 1)
  const rounded = value.toFixed(precision)
  return Number(rounded) === value ? rounded : String(value)
}
