import { test } from "node:test"
import assert from "node:assert/strict"
import { graphKey, originOf, type Graph, type HostNode } from "../src/graph.ts"

type Link = [id: number, from: number | string, fromSlot: number, to: number | string, toSlot: number]

function graphOf(nodes: Partial<HostNode>[], links: Link[], id = "", rootGraph?: Graph): Graph {
  const byId = new Map(
    links.map(([link, origin_id, origin_slot, target_id, target_slot]) => [link, { origin_id, origin_slot, target_id, target_slot }]),
  )
  const graph = {
    id,
    rootGraph,
    _nodes: nodes as HostNode[],
    links: byId,
    getLink: (link: number | null) => byId.get(link!),
    getNodeById: (number: number | string) => nodes.find((node) => String(node.id) === String(number)) ?? null,
  } as unknown as Graph
  for (const node of nodes) node.graph = graph
  return graph
}

const audio = (link: number | null) => [{ name: "audio", link }]

test("the sound is followed through reroutes, into subgraphs and out of them", () => {
  for (const [input, output] of [[-10, -20], ["-10", "-20"]] as const) {
    const curve: Partial<HostNode> = { id: 5, inputs: audio(1) }
    const loader: Partial<HostNode> = { id: 9, type: "LoadAudio", inputs: [] }
    const root = graphOf([], [])
    const inside = graphOf([curve], [[1, input, 0, 5, 0]], "inside", root)
    const source = graphOf([loader], [[4, 9, 0, output, 0]], "source", root)
    const outer = { id: 1, inputs: audio(2), subgraph: inside }
    const reroute = { id: 2, type: "Reroute", inputs: [{ name: "", link: 3 }] }
    const giver = { id: 3, inputs: [], subgraph: source }
    Object.assign(root, graphOf([outer, reroute, giver], [[2, 2, 0, 1, 0], [3, 3, 0, 2, 0]]), {
      subgraphs: new Map([["inside", inside], ["source", source]]),
    })
    for (const node of [outer, reroute, giver]) Object.assign(node, { graph: root })
    assert.equal(originOf(curve as HostNode, "audio"), loader)
    assert.equal(graphKey(inside), "inside")
    assert.equal(graphKey(root), "")
  }
})

test("where nothing arrives there is no sound, and a ring of reroutes ends", () => {
  const [alone, other] = [{ id: 1, inputs: audio(null) }, { id: 2, inputs: [] }] as Partial<HostNode>[]
  graphOf([alone!, other!], [])
  assert.equal(originOf(alone as HostNode, "audio"), null)
  assert.equal(originOf(other as HostNode, "audio"), null)
  const ring: Partial<HostNode> = { id: 1, type: "Reroute", inputs: audio(1) }
  graphOf([ring], [[1, 1, 0, 1, 0]])
  assert.equal(originOf(ring as HostNode, "audio"), null)
})
