// What ComfyUI's page loads.

import { openLarge } from "./dialog.ts"
import { CurveEditor } from "./editor.ts"
import { register, registerReading, registerScales } from "./host.ts"
import style from "./style.css"
import { html } from "./svg.ts"

document.head.append(html("style", { id: "keyface-style" }, style))
register((source) => new CurveEditor(source, () => openLarge(source)))
registerReading()
registerScales()
