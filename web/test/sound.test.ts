import { test } from "node:test"
import assert from "node:assert/strict"
import { columns, peaksFromBase64, peaksOf } from "../src/sound.ts"

test("peaks are the extremes of every frame, channels averaged", () => {
  const left = new Float32Array(1000).fill(0)
  left[10] = 1
  left[650] = -0.5
  const peaks = peaksOf([left, left], 16_000)
  assert.deepEqual([...peaks], [0, 127, -63, 0])
  assert.deepEqual([...peaksOf([left, new Float32Array(1000)], 16_000)], [0, 64, -32, 0])
})

test("peaks from Python are signed bytes", () => {
  assert.deepEqual([...peaksFromBase64(btoa("\x80\x7f\xff\x00"))], [-128, 127, -1, 0])
})

test("columns show the loudest of their frames and where it is silent", () => {
  const peaks = Int8Array.from([-100, 50, 0, 0, 0, 0, 0, 0])
  const sound = { seconds: 4 / 25, peaks, url: "" }
  const [first, second] = columns(sound, { from: 0, to: 4 / 25 }, 2)
  assert.deepEqual(first, { low: -1, high: 0.5, silent: false })
  assert.equal(second!.silent, true)
})

test("an hour is drawn from its peaks in time", () => {
  const sound = { seconds: 3600, peaks: new Int8Array(2 * 90_000).fill(20), url: "" }
  assert.equal(columns(sound, { from: 0, to: 3600 }, 800).length, 800)
})
