// The large view: a second editor of the same text, over the page.

import { CurveEditor, type Source } from "./editor.ts"
import { html } from "./svg.ts"
import { say } from "./words.ts"

export function openLarge(source: Source): void {
  const editor = new CurveEditor({ ...source, key: () => `${source.key()} large` }, null)
  const close = html("button", { type: "button", title: say().close_tip }, `✕ ${say().close}`)
  const dialog = html("dialog", { class: "kf-dialog", "aria-label": say().large_name }, editor.element)
  editor.addTool(close)
  close.addEventListener("click", () => dialog.close())
  // What happens beside the editor in here is not the page's either.
  for (const name of ["keydown", "keyup", "wheel", "copy", "cut", "paste"])
    dialog.addEventListener(name, (event) => event.stopPropagation())
  dialog.addEventListener("close", () => {
    editor.rest()
    dialog.remove()
  })
  document.body.append(dialog)
  dialog.showModal()
  editor.focus()
}
