import { test } from "node:test"
import assert from "node:assert/strict"
import type { Curve } from "../src/curve.ts"
import * as edit from "../src/edit.ts"
import { parse } from "../src/text.ts"

const CURVE = parse("0:neutral 2:happy 5:sad")
const times = (curve: Curve) => curve.valence.map(({ seconds }) => seconds)

test("a point is added in its place and selected", () => {
  const { curve, selection } = edit.addPoint(CURVE, "valence", 3.00049, 2)
  assert.deepEqual(times(curve), [0, 2, 3, 5])
  assert.deepEqual(selection, [{ lane: "valence", index: 2 }])
  assert.equal(curve.valence[2]!.value, 1)
  assert.equal(curve.arousal, CURVE.arousal)
})

test("a point on a point moves it: two cannot stand at one time", () => {
  const { curve } = edit.addPoint(CURVE, "valence", 2, -1)
  assert.deepEqual(times(curve), [0, 2, 5])
  assert.equal(curve.valence[1]!.value, -1)
})

test("moved past its neighbour a point stays selected", () => {
  const { curve, selection } = edit.movePoints(CURVE, [{ lane: "valence", index: 1 }], 4, 0)
  assert.deepEqual(times(curve), [0, 5, 6])
  assert.deepEqual(selection, [{ lane: "valence", index: 2 }])
})

test("several points stop together at the start", () => {
  const refs = [{ lane: "valence", index: 1 }, { lane: "valence", index: 2 }] as const
  const { curve } = edit.movePoints({ ...CURVE, valence: CURVE.valence }, refs, -10, 0)
  assert.deepEqual(times(curve), [0, 3])
})

test("points of both lanes move together", () => {
  const refs = [{ lane: "valence", index: 2 }, { lane: "arousal", index: 2 }] as const
  const { curve, selection } = edit.movePoints(CURVE, refs, 1, 0.1)
  assert.equal(curve.valence[2]!.seconds, 6)
  assert.equal(curve.arousal[2]!.seconds, 6)
  assert.equal(curve.arousal[2]!.value, -0.25)
  assert.equal(selection.length, 2)
})

test("a named feeling moves in time as one, and in value lane by lane", () => {
  const refs = [{ lane: "valence", index: 1 }] as const
  const along = edit.partners(CURVE, refs)
  assert.deepEqual(along, [{ lane: "arousal", index: 1 }])
  const { curve, selection } = edit.movePoints(CURVE, refs, 1, -0.05, along)
  assert.deepEqual([curve.valence[1], curve.arousal[1]].map((p) => [p!.seconds, p!.value]), [[3, 0.8], [3, 0.75]])
  assert.deepEqual(selection, refs)
  assert.deepEqual(edit.partners(curve, [{ lane: "valence", index: 1 }]), [])
  const typed = edit.setPoint(CURVE, refs[0], 4, 0.85)
  assert.deepEqual([typed.curve.valence[1]!.seconds, typed.curve.arousal[1]!.seconds], [4, 4])
  assert.deepEqual(typed.selection, refs)
})

test("what is not moved in value keeps it to the last digit", () => {
  const curve = parse("0:angry*0.5")
  const refs = [{ lane: "valence", index: 0 }] as const
  const moved = edit.movePoints(curve, refs, 1, 0, edit.partners(curve, refs))
  assert.equal(edit.wordAt(moved.curve, refs[0]), "angry*0.5")
})

test("deleting leaves the others", () => {
  const { curve, selection } = edit.deletePoints(CURVE, [{ lane: "arousal", index: 0 }])
  assert.equal(curve.arousal.length, 2)
  assert.equal(curve.valence.length, 3)
  assert.deepEqual(selection, [])
})

test("a state is a point in both lanes", () => {
  const { curve } = edit.addState(CURVE, "calm", 3)
  assert.deepEqual([curve.valence[2]!.value, curve.arousal[2]!.value], [0.65, -0.5])
})

test("mirroring twice is nothing, and makes no negative zero", () => {
  const once = edit.mirror(CURVE, [])
  assert.equal(once.curve.valence[1]!.value, -0.85)
  assert.ok(Object.is(once.curve.valence[0]!.value, 0))
  assert.deepEqual(edit.mirror(once.curve, []).curve, CURVE)
})

test("a mode is set for the chosen points only", () => {
  const { curve } = edit.setMode(CURVE, [{ lane: "valence", index: 1 }], "hold")
  assert.deepEqual(curve.valence.map(({ mode }) => mode), ["smooth", "hold", "smooth"])
})

test("Tab reaches every point, by time", () => {
  const order = edit.inTimeOrder(CURVE)
  assert.equal(order.length, 6)
  assert.deepEqual(order[1], { lane: "arousal", index: 0 })
})

test("nothing that was given is changed", () => {
  const before = JSON.stringify(CURVE)
  edit.movePoints(CURVE, edit.allRefs(CURVE), 1, 1)
  edit.addState(CURVE, "sad", 2)
  assert.equal(JSON.stringify(CURVE), before)
})
