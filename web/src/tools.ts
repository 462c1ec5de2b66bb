// The row of tools above the lanes, and the numbers below them.

import { rounded } from "./axis.ts"
import { MODES, type Mode } from "./curve.ts"
import * as edit from "./edit.ts"
import type { CurveEditor } from "./editor.ts"
import { STATES } from "./states.ts"
import { html } from "./svg.ts"
import { CurveError, fromCsv, parse, serialize, toCsv } from "./text.ts"

/** The curve last copied from any editor of this page. */
let clipboard = ""

export class Tools {
  readonly element = html("div", { class: "kf-tools", role: "toolbar", "aria-label": "emotion curve tools" })
  private readonly play = this.button("▶", "Play the sound (space)", () => this.editor.player.toggle(this.editor.playhead))
  private readonly mode = html("select", { title: "How the curve runs on from the chosen points", "aria-label": "interpolation" })
  private readonly states = html("select", { title: "Adds a named feeling at the playhead", "aria-label": "named feeling" })
  private readonly paste = this.button("Paste", "Puts in the curve copied from any emotion curve", () => this.pasteCurve())
  private readonly changing: (HTMLButtonElement | HTMLSelectElement)[]
  private numbers: HTMLElement | null = null
  private numbersFor = ""

  constructor(
    private readonly editor: CurveEditor,
    enlarge: (() => void) | null,
  ) {
    for (const mode of MODES) this.mode.append(html("option", { value: mode }, mode))
    this.mode.addEventListener("change", () => {
      editor.apply(edit.setMode(editor.curve, editor.selection, this.mode.value as Mode))
    })
    this.states.append(html("option", { value: "" }, "+ feeling"))
    for (const name of Object.keys(STATES)) this.states.append(html("option", { value: name }, name))
    this.states.addEventListener("change", () => {
      if (this.states.value) editor.apply(edit.addState(editor.curve, this.states.value, rounded(editor.playhead)))
      this.states.value = ""
    })
    const mirror = this.button("Mirror", "Turns chosen points, or all, into the opposite feeling", () =>
      editor.apply(edit.mirror(editor.curve, editor.selection)),
    )
    const reset = this.button("Reset", "Back to neutral throughout", () => editor.apply(edit.reset()))
    const load = this.button("Import", "Reads a curve from a .csv, .json or .txt file", () => this.load())
    this.changing = [this.mode, this.states, mirror, this.paste]
    this.element.append(
      this.play,
      this.states,
      this.mode,
      mirror,
      reset,
      this.button("Copy", "Copies the curve, for another emotion curve", () => this.copyCurve()),
      this.paste,
      load,
      this.button("CSV", "Saves the curve as a table", () => save("emotion.csv", toCsv(editor.curve))),
      this.button("JSON", "Saves the curve as the node keeps it", () => save("emotion.json", serialize(editor.curve))),
      html("span", { class: "kf-space" }),
      this.button("−", "Zooms out (wheel)", () => editor.zoom(1.6)),
      this.button("+", "Zooms in (wheel)", () => editor.zoom(1 / 1.6)),
      this.button("All", "Shows the whole sound", () => editor.setSpan({ from: 0, to: editor.duration })),
    )
    if (enlarge) this.element.append(this.button("⤢ Large", "Opens a large view", enlarge))
  }

  /** Shows what can be done now. */
  update(): void {
    const { editor } = this
    this.play.textContent = editor.player.playing ? "❚❚" : "▶"
    this.play.disabled = !editor.player.canPlay
    for (const tool of this.changing) tool.disabled = editor.error !== ""
    this.paste.disabled = clipboard === ""
    this.mode.disabled ||= editor.selection.length === 0
    const modes = new Set(editor.selection.map(({ lane, index }) => editor.curve[lane][index]?.mode))
    const [only] = modes
    this.mode.value = modes.size === 1 && only ? only : ""
  }

  /** Number fields for one chosen point, once they were asked for. */
  exact(selection: readonly edit.Ref[]): HTMLElement | null {
    const [ref] = selection
    if (!this.numbers || selection.length !== 1 || !ref || edit.refKey(ref) !== this.numbersFor) {
      this.numbers = null
      return null
    }
    return this.numbers
  }

  /** Asks for exact numbers of the one chosen point. */
  editExactly(): void {
    const { editor } = this
    const [ref] = editor.selection
    if (editor.selection.length !== 1 || !ref) return
    const point = editor.curve[ref.lane][ref.index]!
    const field = (label: string, value: number, step: number) =>
      html("input", { type: "number", value, step, "aria-label": label })
    const seconds = field("seconds", point.seconds, 0.04)
    const value = field(ref.lane, point.value, 0.05)
    const done = (keep: boolean) => {
      this.numbers = null
      const [s, v] = [seconds.valueAsNumber, value.valueAsNumber]
      if (keep && Number.isFinite(s) && Number.isFinite(v)) editor.apply(edit.setPoint(editor.curve, ref, s, v))
      else editor.select(editor.selection)
      if (editor.selection[0]) editor.focus(editor.selection[0])
    }
    const form = html("span", { class: "kf-exact" }, "seconds", seconds, ref.lane, value, "Enter: set, Esc: leave")
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter") done(true)
      if (event.key === "Escape") done(false)
      event.stopPropagation()
    })
    this.numbers = form
    this.numbersFor = edit.refKey(ref)
    editor.select(editor.selection)
    seconds.focus({ preventScroll: true })
    seconds.select()
  }

  private button(text: string, title: string, action: () => void): HTMLButtonElement {
    const button = html("button", { type: "button", title, "aria-label": title }, text)
    button.addEventListener("click", action)
    return button
  }

  private copyCurve(): void {
    clipboard = serialize(this.editor.curve)
    // Other programs get it as well where the page may do that; within it, no permission is needed.
    navigator.clipboard?.writeText(clipboard).catch((error: unknown) => console.debug("KeyFace: not copied:", error))
    this.update()
  }

  private pasteCurve(): void {
    if (clipboard) this.editor.apply({ curve: parse(clipboard), selection: [] })
  }

  private load(): void {
    const input = html("input", { type: "file", accept: ".csv,.json,.txt" })
    input.addEventListener("change", async () => {
      const file = input.files?.[0]
      if (!file) return
      const text = await file.text()
      try {
        const curve = file.name.toLowerCase().endsWith(".csv") ? fromCsv(text) : parse(text)
        this.editor.apply({ curve, selection: [] })
      } catch (error) {
        if (!(error instanceof CurveError)) throw error
        this.editor.tell(`${file.name}: ${error.message}`)
      }
    })
    input.click()
  }
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }))
  html("a", { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
