// The large view: a second editor of the same text, over the page.

import { CurveEditor, type Source } from "./editor.ts"
import { html } from "./svg.ts"

export function openLarge(source: Source): void {
  const editor = new CurveEditor(source, null)
  const close = html("button", { type: "button", title: "Close (Esc)" }, "✕ Close")
  const dialog = html("dialog", { class: "kf-dialog", "aria-label": "emotion curve, large" }, editor.element)
  editor.tools.element.append(close)
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => {
    editor.dispose()
    dialog.remove()
  })
  document.body.append(dialog)
  dialog.showModal()
}
