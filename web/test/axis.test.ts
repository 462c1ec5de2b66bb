import { test } from "node:test"
import assert from "node:assert/strict"
import * as axis from "../src/axis.ts"

const AREA = { left: 50, top: 10, width: 400, height: 100 }
const SPAN = { from: 2, to: 6 }

test("pixels and seconds, and pixels and values, are each other's inverse", () => {
  for (const seconds of [2, 3.3, 6]) {
    assert.ok(Math.abs(axis.secondsAt(axis.xOf(seconds, SPAN, AREA), SPAN, AREA) - seconds) < 1e-9)
  }
  for (const value of [-1, 0.25, 1]) assert.ok(Math.abs(axis.valueAt(axis.yOf(value, AREA), AREA) - value) < 1e-9)
  assert.equal(axis.yOf(1, AREA), AREA.top)
})

test("zooming keeps what is under the pointer there", () => {
  const span = axis.zoomed(SPAN, 0.5, 3, 100)
  assert.equal(axis.xOf(3, span, AREA), axis.xOf(3, SPAN, AREA))
  assert.equal(span.to - span.from, 2)
})

test("zooming and scrolling stay within the sound", () => {
  assert.deepEqual(axis.zoomed(SPAN, 100, 3, 10), { from: 0, to: 10 })
  assert.deepEqual(axis.shifted(SPAN, -5, 10), { from: 0, to: 4 })
  assert.deepEqual(axis.shifted(SPAN, 50, 10), { from: 6, to: 10 })
  assert.ok(axis.zoomed(SPAN, 1e-9, 3, 10).to - axis.zoomed(SPAN, 1e-9, 3, 10).from >= axis.SHORTEST_SPAN - 1e-9)
})

test("keyframes lie every 13 frames", () => {
  assert.equal(axis.snapped(0.6), 0.52)
  assert.deepEqual(axis.keyframesIn({ from: 0, to: 6.72 }), { first: 0, last: 12 })
})

test("ticks are round and have room", () => {
  assert.deepEqual(axis.ticks({ from: 0, to: 10 }, AREA), [0, 2, 4, 6, 8, 10])
  assert.deepEqual(axis.ticks({ from: 0, to: 3600 }, AREA), [0, 600, 1200, 1800, 2400, 3000, 3600])
})

test("times are read like a clock", () => {
  assert.equal(axis.clock(5.25), "5.3")
  assert.equal(axis.clock(65, 0), "1:05")
  assert.equal(axis.clock(3605, 0), "1:00:05")
})
