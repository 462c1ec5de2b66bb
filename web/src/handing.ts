// A curve that a node read, put into an Emotion Curve, where it can be edited.

import { nodesOf, SUBGRAPH_OUTPUT, type Graph, type HostNode } from "./graph.ts"

export const CURVE_NODE = "KeyFaceEmotionCurve"
/** The Emotion Curve that a node's curve went to, among what is saved with the node. */
const GIVEN_TO = "keyface_curve"
const BELOW = 110

/**
 * The Emotion Curve that is there for a node's curve: the one that had it before, or, where the node's emotion goes
 * nowhere, the only one. Null where a new one is wanted.
 */
export function receiverOf(node: HostNode): HostNode | null {
  const curves = nodesOf(node.graph).filter(({ comfyClass }) => comfyClass === CURVE_NODE)
  const before = node.properties?.[GIVEN_TO]
  const same = curves.find(({ id }) => String(id) === String(before))
  if (same) return same
  return curves.length === 1 && !node.outputs?.[0]?.links?.length ? curves[0]! : null
}

/** Puts a text into the Emotion Curve that is there for it, or into a new one in the node's place; returns that one. */
export function hand(node: HostNode, text: string, create: () => HostNode | null): HostNode | null {
  const { graph } = node
  if (!graph) return null
  const receiver = receiverOf(node) ?? inPlaceOf(node, graph, create())
  const widget = receiver?.widgets?.find(({ name }) => name === "curve")
  if (!receiver || !widget) return null
  node.properties = { ...node.properties, [GIVEN_TO]: receiver.id }
  widget.value = text
  widget.callback?.(text)
  return receiver
}

/** Adds a node below another, whose first output's links start from it from then on. */
function inPlaceOf(node: HostNode, graph: Graph, made: HostNode | null): HostNode | null {
  if (!made) return null
  made.pos = [node.pos[0], node.pos[1] + node.size[1] + BELOW]
  graph.add(made)
  for (const id of [...(node.outputs?.[0]?.links ?? [])]) {
    const link = graph.getLink(id)
    if (!link) continue
    if (Number(link.target_id) === SUBGRAPH_OUTPUT) graph.outputs?.[link.target_slot]?.connect(made.outputs![0], made)
    else made.connect(0, graph.getNodeById(link.target_id)!, link.target_slot)
  }
  return made
}
