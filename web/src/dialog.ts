// The large view: a second editor of the same text, over the page.

import { CurveEditor, type Source } from "./editor.ts"
import { html } from "./svg.ts"

export function openLarge(source: Source): void {
  const editor = new CurveEditor(source, null)
  const close = html("button", { type: "button", title: "Close (Esc)" }, "✕ Close")
  const dialog = html("dialog", { class: "kf-dialog", "aria-label": "emotion curve, large" }, editor.element)
  editor.tools.element.append(close)
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") dialog.close() // the host may keep the browser from doing it
    event.stopPropagation()
  })
  dialog.addEventListener("close", () => {
    editor.rest()
    dialog.remove()
  })
  document.body.append(dialog)
  dialog.showModal()
}
