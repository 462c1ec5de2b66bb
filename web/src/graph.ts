// The little of ComfyUI's graph that is used, as it is in the oldest front end that is supported and in today's.

export interface Widget {
  name: string
  value: unknown
  callback?: (value: unknown) => void
  serialize?: boolean
  options?: Record<string, unknown>
  label?: string
  tooltip?: string
  disabled?: boolean
  /** What a prompt gets in place of the value. */
  serializeValue?: () => unknown
}

/** What a node is saved as; today's front end keeps the values by name as well. */
export interface Saved {
  widgets_values?: unknown[]
  widgets_values_named?: Record<string, unknown>
}

interface Link {
  origin_id: number | string
  origin_slot: number
  target_id: number | string
  target_slot: number
}

export interface Graph {
  id?: string
  rootGraph?: Graph
  subgraphs?: Map<string, Graph>
  nodes?: HostNode[]
  _nodes?: HostNode[]
  links?: Map<number, Link> | Record<number, Link>
  getLink(id: number | null): Link | null | undefined
  getNodeById(id: number | string): HostNode | null
  setDirtyCanvas(front: boolean, back: boolean): void
  add(node: HostNode): void
  /** Of a subgraph. */
  outputs?: { connect(output: unknown, from: HostNode): void }[]
}

export interface HostNode {
  id: number | string
  type?: string
  comfyClass?: string
  pos: [number, number]
  size: [number, number]
  properties?: Record<string, unknown>
  widgets?: Widget[]
  inputs?: { name: string; link: number | null; type?: unknown }[]
  outputs?: { type?: unknown; links?: number[] | null }[]
  graph?: Graph | null
  /** What is inside, where the node is a subgraph. */
  subgraph?: Graph
  setSize(size: [number, number]): void
  connect(output: number, to: HostNode, input: number): unknown
  addWidget(type: string, name: string, value: unknown, callback: () => void, options: Record<string, unknown>): Widget
  addDOMWidget(name: string, type: string, element: HTMLElement, options: Record<string, unknown>): Widget & { element: HTMLElement }
  onExecuted?: (output: Record<string, unknown>) => void
  onAdded?: (...given: unknown[]) => void
  onRemoved?: () => void
  onSerialize?: (saved: Saved) => void
  configure(saved: Saved): void
}

/** What a link inside a subgraph starts from where it comes from outside, and ends at where it goes there; today as text. */
const SUBGRAPH_INPUT = -10
export const SUBGRAPH_OUTPUT = -20
/** Wires through so many subgraphs and reroutes are followed; a ring of them is not followed for ever. */
const DEEPEST = 50
const MODEL = "MODEL"

export const nodesOf = (graph: Graph | null | undefined): readonly HostNode[] => graph?._nodes ?? graph?.nodes ?? []

/** Which graph this is: "" for the outermost. */
export const graphKey = (graph: Graph): string => (!graph.rootGraph || graph.rootGraph === graph ? "" : (graph.id ?? ""))

/** The node whose result arrives at an input, through reroutes and into and out of subgraphs; null if there is none. */
export function originOf(node: HostNode, input: string): HostNode | null {
  const slot = node.inputs?.findIndex(({ name }) => name === input) ?? -1
  return slot < 0 ? null : origin(node, slot, DEEPEST)
}

/** The node that a model was loaded by: one that takes one model and gives one, such as a LoRA's, is passed. */
export function loaderOf(node: HostNode, input: string): HostNode | null {
  let found = originOf(node, input)
  for (let depth = 0; found && depth < DEEPEST; depth++) {
    const [model, ...others] = found.inputs?.filter(({ type }) => type === MODEL) ?? []
    if (!model || others.length > 0 || !found.outputs?.some(({ type }) => type === MODEL)) return found
    found = originOf(found, model.name)
  }
  return null
}

/** Whether an input, or a widget that can be one, gets its value over a link. */
export const isLinked = (node: HostNode, input: string): boolean =>
  node.inputs?.some(({ name, link }) => name === input && link != null) ?? false

function origin(node: HostNode, slot: number, depth: number): HostNode | null {
  const { graph } = node
  const link = graph?.getLink(node.inputs?.[slot]?.link ?? null)
  if (!graph || !link || depth === 0) return null
  if (Number(link.origin_id) === SUBGRAPH_INPUT) {
    const outer = everyNode(graph.rootGraph ?? graph).find(({ subgraph }) => subgraph === graph)
    return outer ? origin(outer, link.origin_slot, depth - 1) : null
  }
  return through(graph.getNodeById(link.origin_id), link.origin_slot, depth)
}

function through(node: HostNode | null, slot: number, depth: number): HostNode | null {
  if (node?.type === "Reroute") return origin(node, 0, depth - 1)
  if (!node?.subgraph) return node
  const { links } = node.subgraph
  const all = links instanceof Map ? [...links.values()] : Object.values(links ?? {})
  const inner = all.find((link) => Number(link.target_id) === SUBGRAPH_OUTPUT && link.target_slot === slot)
  return inner ? through(node.subgraph.getNodeById(inner.origin_id), inner.origin_slot, depth - 1) : null
}

function everyNode(root: Graph): HostNode[] {
  return [root, ...(root.subgraphs?.values() ?? [])].flatMap((graph) => [...nodesOf(graph)])
}
