import { test } from "node:test"
import assert from "node:assert/strict"
import type { Graph, HostNode, Saved } from "../src/graph.ts"
import { inForce, Scales, type Ask } from "../src/scales.ts"

const SMALL = { audio: 1, identity: 1, auto: 1.5 }
const known: Ask = (keyframe) => (keyframe === "small" ? SMALL : keyframe === "bare" ? {} : keyframe === "slow" ? undefined : null)

/** A loader, a node that one model goes through, and a sampler, in a row. */
function row(keyframe = "small"): { loader: HostNode; between: HostNode; sampler: HostNode } {
  const widgets = (values: Record<string, unknown>) => Object.entries(values).map(([name, value]) => ({ name, value }))
  const loader = {
    id: 1,
    comfyClass: "KeyFaceLoadModels",
    inputs: [],
    outputs: [{ type: "MODEL" }],
    widgets: widgets({ keyframe, interpolation: "auto" }),
  }
  const between = { id: 2, type: "LoraLoaderModelOnly", inputs: [{ name: "model", type: "MODEL", link: 1 }], outputs: [{ type: "MODEL" }] }
  const sampler = {
    id: 3,
    comfyClass: "KeyFaceKeyframeSampler",
    inputs: [{ name: "model", type: "MODEL", link: 2 }],
    widgets: widgets({ seed: 0, audio_scale: 5, identity_scale: 2, scales: "from the model" }),
    configure(saved: Saved) {
      saved.widgets_values?.forEach((value, at) => (this.widgets[at]!.value = value))
    },
  }
  const nodes = [loader, between, sampler] as unknown as HostNode[]
  const graph = {
    getLink: (link: number | null) => (link ? { origin_id: link, origin_slot: 0 } : null),
    getNodeById: (id: number) => nodes.find((node) => node.id === id) ?? null,
  } as unknown as Graph
  for (const node of nodes) node.graph = graph
  return { loader: nodes[0]!, between: nodes[1]!, sampler: nodes[2]! }
}

const widget = (node: HostNode, name: string) => node.widgets!.find((w) => w.name === name)!
const values = (node: HostNode) => node.widgets!.map(({ value }) => value)
const saved = (node: HostNode): Saved => {
  const all = { widgets_values: values(node), widgets_values_named: Object.fromEntries(node.widgets!.map((w) => [w.name, w.value])) }
  node.onSerialize!(all)
  return all
}

test("the scale of the model's loader is in force, through nodes that one model goes through", () => {
  const { between, sampler } = row()
  assert.equal(inForce(sampler, "audio_scale", known), 1)
  assert.equal(inForce(sampler, "seed", known), false)
  between.inputs!.push({ name: "other", type: "MODEL", link: null })
  assert.equal(inForce(sampler, "audio_scale", known), null)
})

test("a node's own number is in force as set, where a link chooses, and where the file has none", () => {
  const { sampler } = row()
  widget(sampler, "scales").value = "as set"
  assert.equal(inForce(sampler, "audio_scale", known), false)
  widget(sampler, "scales").value = "from the model"
  sampler.inputs!.push({ name: "scales", link: 7 })
  assert.equal(inForce(sampler, "audio_scale", known), false)
  assert.equal(inForce(row("bare").sampler, "audio_scale", known), false)
})

test("what is not known is told apart from what is asked for", () => {
  assert.equal(inForce(row("missing").sampler, "audio_scale", known), null)
  assert.equal(inForce(row("slow").sampler, "audio_scale", known), undefined)
  const { loader, sampler } = row()
  loader.inputs!.push({ name: "keyframe", link: 7 })
  assert.equal(inForce(sampler, "audio_scale", known), null)
  sampler.inputs![0]!.link = null
  assert.equal(inForce(sampler, "audio_scale", known), null)
})

test("the model's numbers are shown, and the set ones saved, sent and given back", () => {
  const { sampler } = row()
  const scales = new Scales(sampler, known, false)
  assert.equal(scales.follow(), true)
  assert.equal(scales.follow(), false)
  assert.deepEqual(values(sampler), [0, 1, 1, "from the model"])
  const audio = widget(sampler, "audio_scale")
  assert.equal(audio.disabled, true)
  assert.equal((audio as unknown as { _displayValue: string })._displayValue, "1.0")
  assert.equal(audio.serializeValue!(), 5)
  assert.deepEqual(saved(sampler), {
    widgets_values: [0, 5, 2, "from the model"],
    widgets_values_named: { seed: 0, audio_scale: 5, identity_scale: 2, scales: "from the model" },
  })
  widget(sampler, "scales").value = "as set"
  assert.deepEqual(saved(sampler).widgets_values, [0, 5, 2, "as set"])
  scales.follow()
  assert.deepEqual(values(sampler), [0, 5, 2, "as set"])
  assert.equal(audio.disabled, false)
  assert.ok(!("serializeValue" in audio) && !("_displayValue" in audio))
})

test("a number that is not known has a question mark, and one written meanwhile is kept", () => {
  const { loader, sampler } = row("missing")
  const scales = new Scales(sampler, known, false)
  scales.follow()
  const audio = widget(sampler, "audio_scale")
  assert.deepEqual([audio.value, audio.label, audio.disabled], [5, "audio_scale: ?", true])
  widget(loader, "keyframe").value = "small"
  scales.follow()
  assert.deepEqual([audio.value, audio.label], [1, undefined])
  audio.value = 7
  scales.follow()
  assert.equal(audio.value, 1)
  assert.equal(audio.serializeValue!(), 7)
})

test("a new node's scales are the model's, those of an older file as set", () => {
  const { sampler } = row()
  widget(sampler, "scales").value = "as set"
  const scales = new Scales(sampler, known, true)
  assert.equal(widget(sampler, "scales").value, "from the model")
  scales.follow()
  sampler.configure({ widgets_values: [4, 3, 3] })
  assert.deepEqual(values(sampler), [4, 3, 3, "as set"])
  assert.equal(widget(sampler, "audio_scale").disabled, false)
  sampler.configure({ widgets_values: [4, 3, 3, "from the model"] })
  scales.follow()
  assert.deepEqual(saved(sampler).widgets_values, [4, 3, 3, "from the model"])
})
