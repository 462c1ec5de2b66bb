// Everything this editor asks of ComfyUI's front end, and the only file that does. The types say no more than
// what is used, in the oldest front end that is supported as in today's.

// @ts-expect-error: served by ComfyUI
import { app as comfyApp } from "/scripts/app.js"
import type { Source } from "./editor.ts"
import { peaksFromBase64, soundAt, type Sound, type Vocalization } from "./sound.ts"

interface Widget {
  name: string
  value: unknown
  callback?: (value: unknown) => void
  serialize?: boolean
  options?: Record<string, unknown>
}

interface HostNode {
  id: number | string
  comfyClass?: string
  size: [number, number]
  widgets?: Widget[]
  inputs?: { name: string; link: number | null }[]
  graph?: null | { setDirtyCanvas(front: boolean, back: boolean): void; _nodes?: HostNode[]; nodes?: HostNode[] }
  getInputNode(slot: number): HostNode | null
  setSize(size: [number, number]): void
  addDOMWidget(name: string, type: string, element: HTMLElement, options: Record<string, unknown>): Widget
  onExecuted?: (output: Record<string, unknown>) => void
  onAdded?: (...given: unknown[]) => void
  onRemoved?: () => void
}

interface App {
  registerExtension(extension: { name: string; nodeCreated(node: HostNode): void }): void
}

const app = comfyApp as App
const CURVE_NODE = "KeyFaceEmotionCurve"
const AUDIO_NODE = "KeyFaceEncodeAudio"
const TEXT_HEIGHT = 56
const EDITOR_HEIGHT = 250
const NODE_SIZE: [number, number] = [640, 420]
const NONE: readonly Vocalization[] = []

/** What nodes told after they ran; gone with the page, never saved. */
const heardBy = new WeakMap<HostNode, Sound>()
const foundBy = new WeakMap<HostNode, readonly Vocalization[]>()

/** Puts an editor into every Emotion Curve node. */
export function register(attach: (source: Source) => { element: HTMLElement; wake(): void; rest(): void }): void {
  app.registerExtension({
    name: "KeyFace.EmotionCurve",
    nodeCreated(node) {
      if (node.comfyClass === AUDIO_NODE) afterRun(node, (output) => rememberFound(node, output))
      if (node.comfyClass !== CURVE_NODE) return
      const text = node.widgets?.find(({ name }) => name === "curve")
      if (!text) return
      afterRun(node, (output) => rememberSound(node, output))
      const editor = attach(sourceOf(node, text))
      addEditor(node, text, editor.element)
      // A node that moves into a subgraph is removed from one graph and added to another.
      const { onAdded, onRemoved } = node
      node.onAdded = (...given) => {
        onAdded?.apply(node, given)
        editor.wake()
      }
      node.onRemoved = () => {
        onRemoved?.call(node)
        editor.rest()
      }
    },
  })
}

function addEditor(node: HostNode, text: Widget, element: HTMLElement): void {
  text.options = { ...text.options, getMinHeight: () => TEXT_HEIGHT, getMaxHeight: () => TEXT_HEIGHT }
  const widget = node.addDOMWidget("keyface_editor", "KEYFACE_CURVE_EDITOR", element, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => EDITOR_HEIGHT,
  })
  widget.serialize = false
  node.setSize([Math.max(node.size[0], NODE_SIZE[0]), Math.max(node.size[1], NODE_SIZE[1])])
}

function sourceOf(node: HostNode, text: Widget): Source {
  let key = ""
  let loaded: Sound | null = null
  return {
    read: () => String(text.value ?? ""),
    write(value) {
      text.value = value
      text.callback?.(value)
      node.graph?.setDirtyCanvas(true, true)
    },
    sound() {
      const told = heardBy.get(node)
      const url = urlOf(audioOf(node))
      if (url !== key) {
        key = url
        loaded = null
        if (url)
          soundAt(url).then(
            (sound) => {
              if (key === url) loaded = sound
            },
            (error: unknown) => console.warn("KeyFace: the sound is not shown:", error),
          )
      }
      return loaded ?? told ?? null
    },
    vocalizations() {
      const audio = audioOf(node)
      const nodes = node.graph?._nodes ?? node.graph?.nodes ?? []
      const listener = audio && nodes.find((n) => n.comfyClass === AUDIO_NODE && audioOf(n) === audio)
      return (listener && foundBy.get(listener)) || NONE
    },
  }
}

/** The node that a node's sound comes from. */
function audioOf(node: HostNode): HostNode | null {
  if (!node.graph) return null // it is still being made, or was taken out
  const slot = node.inputs?.findIndex(({ name }) => name === "audio") ?? -1
  return slot < 0 ? null : node.getInputNode(slot)
}

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
