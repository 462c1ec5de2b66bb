// The row of tools above the lanes.

import { rounded } from "./axis.ts"
import { MODES, type Mode } from "./curve.ts"
import * as edit from "./edit.ts"
import type { Editing } from "./editing.ts"
import { STATES } from "./states.ts"
import { html } from "./svg.ts"
import { CurveError, fromCsv, parse, serialize, toCsv } from "./text.ts"
import { fill, say, stateLabel } from "./words.ts"

/** The curve last copied from any editor of this page. */
let clipboard = ""

export class Tools {
  readonly element = html("div", { class: "kf-tools", role: "toolbar", "aria-label": say().tools })
  private readonly play = this.button("▶", say().play, () => this.editor.togglePlay())
  private readonly mode = html("select", { title: say().mode, "aria-label": say().mode })
  private readonly states = html("select", { title: say().add_tip, "aria-label": say().add_tip })
  private readonly paste = this.button(say().paste, say().paste_tip, () => this.pasteCurve(clipboard))
  private readonly changing: (HTMLButtonElement | HTMLSelectElement)[]

  constructor(
    private readonly editor: Editing,
    enlarge: (() => void) | null,
  ) {
    const words = say()
    this.play.classList.add("kf-play")
    for (const mode of MODES) this.mode.append(html("option", { value: mode }, words[mode]))
    this.mode.addEventListener("change", () => {
      if (editor.selection.length && !editor.error)
        editor.apply(edit.setMode(editor.curve, editor.selection, this.mode.value as Mode))
    })
    this.states.append(html("option", { value: "" }, words.add))
    for (const name of Object.keys(STATES)) this.states.append(html("option", { value: name }, stateLabel(name)))
    this.states.addEventListener("change", () => {
      if (this.states.value && !editor.error)
        editor.apply(edit.addState(editor.curve, this.states.value, rounded(editor.playhead)))
      this.states.value = ""
    })
    const mirror = this.button(words.mirror, words.mirror_tip, () =>
      editor.apply(edit.mirror(editor.curve, editor.selection)),
    )
    this.changing = [this.mode, this.states, mirror, this.paste]
    this.element.append(
      this.play,
      this.states,
      this.mode,
      mirror,
      this.button(words.reset, words.reset_tip, () => editor.reset()),
      this.button(words.copy, words.copy_tip, () => this.copyCurve()),
      this.paste,
      this.button(words.import, words.import_tip, () => this.load()),
      this.button("CSV", words.csv_tip, () => save("emotion.csv", toCsv(editor.curve))),
      this.button("JSON", words.json_tip, () => save("emotion.json", serialize(editor.curve))),
      html("span", { class: "kf-space" }),
      this.button("−", words.zoom_out, () => editor.zoom(1.6)),
      this.button("+", words.zoom_in, () => editor.zoom(1 / 1.6)),
      this.button(words.all, words.all_tip, () => editor.setSpan({ from: 0, to: editor.duration })),
    )
    if (enlarge) this.element.append(this.button("⤢", words.large_tip, enlarge))
  }

  /** Shows what can be done now. */
  update(playing: boolean, canPlay: boolean): void {
    const { editor } = this
    this.play.textContent = playing ? "❚❚" : "▶"
    enable(this.play, canPlay)
    for (const tool of this.changing) enable(tool, editor.error === "")
    if (clipboard === "") enable(this.paste, false)
    if (editor.selection.length === 0) enable(this.mode, false)
    const modes = new Set(editor.selection.map(({ lane, index }) => editor.curve[lane][index]?.mode))
    const [only] = modes
    this.mode.value = modes.size === 1 && only ? only : ""
  }

  /** Takes the curve along; returns it as text. */
  copyCurve(): string {
    clipboard = serialize(this.editor.curve)
    // Other programs get it as well where the page may do that; within it, no permission is needed.
    navigator.clipboard?.writeText(clipboard).catch((error: unknown) => console.debug("KeyFace: not copied:", error))
    this.editor.select(this.editor.selection)
    return clipboard
  }

  /** Puts in a curve from the clipboard, whoever wrote it there. */
  pasteCurve(text: string): void {
    if (this.editor.error || text.trim() === "") return
    this.take(say().no_curve, () => parse(text))
  }

  private button(text: string, title: string, action: () => void): HTMLButtonElement {
    const button = html("button", { type: "button", title, "aria-label": title }, text)
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") !== "true") action()
    })
    return button
  }

  private load(): void {
    const input = html("input", { type: "file", accept: ".csv,.json,.txt" })
    input.addEventListener("change", async () => {
      const file = input.files?.[0]
      if (!file) return
      const text = decoded(await file.arrayBuffer())
      const csv = file.name.toLowerCase().endsWith(".csv")
      this.take(`${file.name}: {reason}`, () => (csv ? fromCsv(text) : parse(text)))
    })
    input.click()
  }

  private take(wrong: string, read: () => ReturnType<typeof parse>): void {
    try {
      this.editor.apply({ curve: read(), selection: [] })
    } catch (error) {
      if (!(error instanceof CurveError)) throw error
      this.editor.tell(fill(wrong, { reason: error.message }))
    }
  }
}

// A disabled element drops the keyboard's focus and swallows clicks, which then are the page's.
function enable(tool: HTMLButtonElement | HTMLSelectElement, can: boolean): void {
  tool.setAttribute("aria-disabled", String(!can))
  tool.classList.toggle("kf-off", !can)
}

/** The text of a file: UTF-8, or UTF-16 as spreadsheets write "Unicode text". */
function decoded(bytes: ArrayBuffer): string {
  const [a, b] = new Uint8Array(bytes.slice(0, 2))
  const wide = a === 0xff && b === 0xfe ? "utf-16le" : a === 0xfe && b === 0xff ? "utf-16be" : "utf-8"
  return new TextDecoder(wide).decode(bytes)
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }))
  html("a", { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
