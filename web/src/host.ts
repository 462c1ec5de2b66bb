// Everything this editor asks of ComfyUI's front end, and the only file that does.

// @ts-expect-error: served by ComfyUI
import { app as comfyApp } from "/scripts/app.js"
import type { Source } from "./editor.ts"
import { CURVE_NODE, hand } from "./handing.ts"
import { graphKey, nodesOf, originOf, type HostNode, type Widget } from "./graph.ts"
import { hasScales, Scales, type Guidance } from "./scales.ts"
import { peaksFromBase64, soundAt, type Sound, type Vocalization } from "./sound.ts"
import { html } from "./svg.ts"
import { retold, sayReading, speak, type Words } from "./words.ts"

/** Looks whether the graph changed and remembers what it was before; today's name for it, and the one of 0.3.64. */
interface ChangeTracker {
  captureCanvasState?(): void
  checkState?(): void
  /** While undo or redo puts back another state. */
  _restoringState?: boolean
  undoQueue?: unknown[]
  redoQueue?: unknown[]
  undo?(): Promise<void>
  redo?(): Promise<void>
}

interface App {
  registerExtension(extension: Record<string, unknown>): void
  loadApiJson?(...given: unknown[]): unknown
  canvas?: { centerOnNode?(node: HostNode): void }
  extensionManager?: {
    workflow?: { activeWorkflow?: { changeTracker?: ChangeTracker } | null }
    setting?: { get(id: string): unknown }
  }
}

type Translation = { [S in keyof Words]?: Record<string, string> }

const app = comfyApp as App
const READING_NODE = "KeyFaceEmotionFromVideo"
const AUDIO_NODE = "KeyFaceEncodeAudio"
const NOTES = ["Note", "MarkdownNote"]
const TEXT_HEIGHT = 56
const EDITOR_HEIGHT = 250
const NODE_SIZE: [number, number] = [640, 420]
const RESTORING_MS = 50
const WATCH_MS = 120
const NONE: readonly Vocalization[] = []

/** What nodes told after they ran; gone with the page, never saved. */
const heardBy = new WeakMap<HostNode, Sound>()
const foundBy = new WeakMap<HostNode, readonly Vocalization[]>()
const readBy = new WeakMap<HostNode, string>()
/** The nodes of now: undo takes all nodes away and makes new ones. */
const present = new Map<string, HostNode>()
const shells = new Map<string, HTMLElement>()
/** Counts what editors changed and what undo put back. */
let changes = 0
/** The nodes whose scales are watched, and the watch. */
const watched = new Map<HostNode, Scales>()
let watch: ReturnType<typeof setInterval> | undefined
/** What the server said of the loaders' choices. */
const guidance = new Map<string, Guidance | null | undefined>()
/** Prompts that are being loaded as graphs: their nodes are not new. */
let loadingPrompts = 0
let translations: Record<string, { keyface?: Translation } | undefined> = {}

/** Puts an editor into every Emotion Curve node. */
export function register(attach: (source: Source) => { element: HTMLElement; wake(restored: boolean): void; rest(): void }): void {
  app.registerExtension({
    name: "KeyFace.EmotionCurve",
    init: readTranslations,
    loadedGraphNode: retell,
    nodeCreated(node: HostNode) {
      if (node.comfyClass === AUDIO_NODE) {
        afterRun(node, (output) => rememberFound(node, output))
        comesAndGoes(node, () => {})
      }
      if (node.comfyClass !== CURVE_NODE || !textOf(node)) return
      afterRun(node, (output) => rememberSound(node, output))
      const editor = attach(sourceOf(node))
      const widget = addEditor(node, editor.element)
      comesAndGoes(
        node,
        (restored) => {
          if (restored) moveIn(node, widget, editor.element)
          shells.set(keyOf(node), widget.element)
          editor.wake(restored)
        },
        () => editor.rest(),
      )
    },
  })
}

/** Gives a node that reads a curve the button that hands it to an Emotion Curve. */
export function registerReading(): void {
  app.registerExtension({
    name: "KeyFace.EmotionFromVideo",
    nodeCreated(node: HostNode) {
      if (node.comfyClass !== READING_NODE) return
      const button = node.addWidget("button", "keyface_edit", null, () => editRead(node), { serialize: false })
      button.serialize = false
      const label = () => {
        const read = readBy.has(node)
        button.label = read ? sayReading().edit : sayReading().first
        button.tooltip = sayReading().tip
        button.disabled = !read
        node.graph?.setDirtyCanvas(true, true)
      }
      afterRun(node, (output) => {
        const [text] = (output.keyface_curve ?? []) as string[]
        if (text) readBy.set(node, text)
        label()
      })
      comesAndGoes(node, label)
    },
  })
}

function editRead(node: HostNode): void {
  const text = readBy.get(node)
  if (!text) return
  let receiver: HostNode | null = null
  asOneChange(() => {
    receiver = hand(node, text, () => graphLibrary().createNode(CURVE_NODE))
  })
  node.graph?.setDirtyCanvas(true, true)
  if (receiver) app.canvas?.centerOnNode?.(receiver)
}

/** What makes nodes of a type; every front end has it among the page's globals. */
const graphLibrary = () => (globalThis as unknown as { LiteGraph: { createNode(type: string): HostNode | null } }).LiteGraph

/** Lets every node with guidance scales show those in force. */
export function registerScales(): void {
  app.registerExtension({
    name: "KeyFace.Scales",
    init: noticePrompts,
    refreshComboInNodes: () => guidance.clear(), // there may be other files now
    nodeCreated(node: HostNode) {
      if (!hasScales(node)) return
      const scales = new Scales(node, guidanceOf, loadingPrompts === 0)
      comesAndGoes(
        node,
        () => {
          watched.set(node, scales)
          watch ??= setInterval(followScales, WATCH_MS)
        },
        () => watched.delete(node),
      )
    },
  })
}

/** The graph is looked at, as the editor does: what a scale depends on may change anywhere in it. */
function followScales(): void {
  for (const [node, scales] of watched) if (scales.follow()) node.graph?.setDirtyCanvas(true, true)
  if (watched.size > 0) return
  clearInterval(watch)
  watch = undefined
}

function guidanceOf(keyframe: string, interpolation: string): Guidance | null | undefined {
  const query = new URLSearchParams({ keyframe, interpolation }).toString()
  if (!guidance.has(query)) {
    guidance.set(query, undefined)
    fetch(new URL(`api/keyface/guidance?${query}`, document.baseURI))
      .then(async (answer) => (answer.ok ? ((await answer.json()) as Guidance) : null))
      .catch(() => null)
      .then((told) => guidance.set(query, told))
  }
  return guidance.get(query)
}

function noticePrompts(): void {
  const load = app.loadApiJson
  if (!load) return
  app.loadApiJson = async (...given) => {
    loadingPrompts++
    try {
      return await load.apply(app, given)
    } finally {
      loadingPrompts--
    }
  }
}

/**
 * Calls when a node enters a graph or leaves it, as one that moves into a subgraph does. What a run told is
 * kept for the node that undo puts in its place.
 */
function comesAndGoes(node: HostNode, come: (restored: boolean) => void, go = () => {}): void {
  const { onAdded, onRemoved } = node
  node.onAdded = (...given) => {
    onAdded?.apply(node, given)
    const restored = tracker()?._restoringState === true
    if (restored) changes++
    const before = present.get(keyOf(node))
    if (restored && before) {
      copy(heardBy, before, node)
      copy(foundBy, before, node)
      copy(readBy, before, node)
    }
    present.set(keyOf(node), node)
    come(restored)
  }
  node.onRemoved = () => {
    onRemoved?.call(node)
    go()
  }
}

function copy<T>(map: WeakMap<HostNode, T>, from: HostNode, to: HostNode): void {
  const value = map.get(from)
  if (value !== undefined) map.set(to, value)
}

/** Puts the editor in the place of the one before undo: Nodes 2.0 keeps showing that node's own elements. */
function moveIn(node: HostNode, widget: { element: HTMLElement }, element: HTMLElement): void {
  const shell = shells.get(keyOf(node))
  if (!shell) return
  shell.replaceChildren(element)
  widget.element = shell
}

function addEditor(node: HostNode, element: HTMLElement): { element: HTMLElement } {
  const text = textOf(node)!
  text.options = { ...text.options, getMinHeight: () => TEXT_HEIGHT, getMaxHeight: () => TEXT_HEIGHT }
  const shell = html("div", { class: "kf-shell" }, element)
  const widget = node.addDOMWidget("keyface_editor", "KEYFACE_CURVE_EDITOR", shell, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => EDITOR_HEIGHT,
  })
  widget.serialize = false
  node.setSize([Math.max(node.size[0], NODE_SIZE[0]), Math.max(node.size[1], NODE_SIZE[1])])
  return widget
}

const textOf = (node: HostNode): Widget | undefined => node.widgets?.find(({ name }) => name === "curve")
const keyOf = (node: HostNode): string => (node.graph ? `${graphKey(node.graph)} ${node.id}` : "")

function sourceOf(made: HostNode): Source {
  let key = ""
  let url = ""
  let loaded: Sound | null = null
  const node = () => present.get(key) ?? made
  return {
    key() {
      return (key = keyOf(made) || key)
    },
    read: () => String(textOf(node())?.value ?? ""),
    write(value) {
      const text = textOf(node())
      if (!text) return
      asOneChange(() => {
        text.value = value
        text.callback?.(value)
      })
      node().graph?.setDirtyCanvas(true, true)
    },
    goBack: goBackUnlessDone,
    sound() {
      const now = urlOf(audioOf(node()))
      if (now !== url) {
        url = now
        loaded = null
        if (now)
          soundAt(now).then(
            (sound) => {
              if (url === now) loaded = sound
            },
            (error: unknown) => console.warn("KeyFace: the sound is not shown:", error),
          )
      }
      return loaded ?? heardBy.get(node()) ?? null
    },
    vocalizations() {
      const audio = audioOf(node())
      const listener = audio && nodesOf(node().graph).find((n) => n.comfyClass === AUDIO_NODE && audioOf(n) === audio)
      return (listener && foundBy.get(listener)) || NONE
    },
  }
}

const tracker = () => app.extensionManager?.workflow?.activeWorkflow?.changeTracker

/** Makes a change one step of the host's undo: it looks by itself after clicks on its own things only. */
function asOneChange(change: () => void): void {
  const known = tracker()
  const look = () => (known?.captureCanvasState ? known.captureCanvasState() : known?.checkState?.())
  changes++
  if (known?._restoringState) {
    change() // the host would take it for a part of what undo puts back
    onceRestored(known, look)
    return
  }
  look() // what was typed elsewhere before is a step of its own
  change()
  look()
}

function onceRestored(known: ChangeTracker, act: () => void): void {
  if (known._restoringState) setTimeout(() => onceRestored(known, act), RESTORING_MS)
  else act()
}

/** The host undoes by itself, but today not while a dialog is open, as the large view is. */
function goBackUnlessDone(redo: boolean): void {
  const known = tracker()
  const queue = redo ? known?.redoQueue : known?.undoQueue
  const before = queue?.length
  const then = changes
  // It does so in the next frame. An edit since then makes the queue as long as it was, and is not to be undone.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if (queue?.length !== before || changes !== then || known?._restoringState) return
      void (redo ? known?.redo?.() : known?.undo?.())
    }),
  )
}

/** The node that a node's sound comes from; null while it is still being made, or was taken out. */
const audioOf = (node: HostNode): HostNode | null => (node.graph ? originOf(node, "audio") : null)

/** Where the file of a Load Audio node can be had; "" for any other node. */
function urlOf(node: HostNode | null): string {
  const file = node?.comfyClass === "LoadAudio" && node.widgets?.find(({ name }) => name === "audio")?.value
  if (typeof file !== "string" || file === "") return ""
  const [, folder = "", name = "", type = "input"] = /^(?:(.*)\/)?([^/]*?)(?: \[(\w+)\])?$/.exec(file) ?? []
  const query = new URLSearchParams({ filename: name, subfolder: folder, type })
  return new URL(`api/view?${query}`, document.baseURI).href
}

function afterRun(node: HostNode, take: (output: Record<string, unknown>) => void): void {
  const before = node.onExecuted
  node.onExecuted = (output) => {
    before?.call(node, output)
    take(output)
  }
}

function rememberSound(node: HostNode, output: Record<string, unknown>): void {
  const [told] = (output.keyface_sound ?? []) as { seconds: number; peaks: string }[]
  if (told) heardBy.set(node, { seconds: told.seconds, peaks: peaksFromBase64(told.peaks), url: "" })
}

function rememberFound(node: HostNode, output: Record<string, unknown>): void {
  foundBy.set(node, (output.keyface_vocalizations ?? []) as Vocalization[])
}

async function readTranslations(): Promise<void> {
  try {
    const answer = await fetch(new URL("api/i18n", document.baseURI))
    translations = (await answer.json()) as typeof translations
  } catch (error) {
    console.warn("KeyFace: the editor stays English:", error)
  }
  const language = String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en")
  const spoken = translations[language] ?? translations[language.split("-")[0]!]
  if (spoken?.keyface) speak(spoken.keyface)
}

/** Says a template's note in the language of the page. */
function retell(node: HostNode): void {
  const note = NOTES.includes(node.type ?? "") && node.widgets?.[0]
  if (!note || typeof note.value !== "string") return
  const said = retold(note.value, Object.values(translations).map((language) => language?.keyface?.notes ?? {}))
  if (said !== note.value) note.value = said
}
