import { test } from "node:test"
import assert from "node:assert/strict"
import { hand, receiverOf } from "../src/handing.ts"
import type { HostNode } from "../src/graph.ts"

const TEXT = '{"v":1}'

function curve(id: number | string): HostNode {
  const node = { id, comfyClass: "KeyFaceEmotionCurve", widgets: [{ name: "curve", value: "0:neutral" }], outputs: [{}], made: [] }
  return Object.assign(node, { connect: (...wire: unknown[]) => node.made.push(wire as never) }) as unknown as HostNode
}

/** A node that read a curve, whose emotion goes to two inputs and out of a subgraph, among others. */
function graphOf(wired: boolean, ...others: HostNode[]) {
  const targets = [{ id: 7 }, { id: 8 }] as HostNode[]
  const given: unknown[] = []
  const reader = { id: 1, pos: [10, 20], size: [300, 200], outputs: [{ links: wired ? [1, 2, 3] : null }] } as unknown as HostNode
  const nodes = [reader, ...targets, ...others]
  const links = new Map<number | null, unknown>([
    [1, { target_id: 7, target_slot: 4 }],
    [2, { target_id: "8", target_slot: 0 }],
    [3, { target_id: -20, target_slot: 0 }],
  ])
  const graph = {
    _nodes: nodes,
    getLink: (id: number) => links.get(id),
    getNodeById: (id: number | string) => nodes.find((node) => String(node.id) === String(id)) ?? null,
    add: (node: HostNode) => nodes.push(node),
    outputs: [{ connect: (...wire: unknown[]) => given.push(wire) }],
  }
  for (const node of nodes) node.graph = graph as never
  return { reader, targets, given }
}

const never = () => assert.fail("a node was made")
const textOf = (node: HostNode) => node.widgets![0]!.value

test("a new Emotion Curve takes the node's place, and gets the next curve too", () => {
  const { reader, targets, given } = graphOf(true, curve(5))
  const made = curve(9)
  assert.equal(hand(reader, TEXT, () => made), made)
  assert.equal(textOf(made), TEXT)
  assert.deepEqual(made.pos, [10, 330])
  assert.deepEqual((made as unknown as { made: unknown }).made, [[0, targets[0], 4], [0, targets[1], 0]])
  assert.deepEqual(given, [[made.outputs![0], made]])
  assert.equal(hand(reader, "again", never), made)
  assert.equal(textOf(made), "again")
})

test("the only Emotion Curve gets the curve of a node whose emotion goes nowhere", () => {
  const only = curve("5")
  assert.equal(hand(graphOf(false, only).reader, TEXT, never), only)
  assert.equal(textOf(only), TEXT)
  assert.equal(receiverOf(graphOf(true, curve(5)).reader), null)
  assert.equal(receiverOf(graphOf(false, curve(5), curve(6)).reader), null)
  assert.equal(receiverOf(graphOf(false).reader), null)
})

test("where no node can be made nothing changes", () => {
  const { reader } = graphOf(true)
  assert.equal(hand(reader, TEXT, () => null), null)
  assert.equal(reader.properties, undefined)
})
