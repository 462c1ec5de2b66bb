import { readFileSync } from "node:fs"
import { test } from "node:test"
import assert from "node:assert/strict"
import { LANES, sampler } from "../src/curve.ts"
import { parse } from "../src/text.ts"

interface Vector {
  name: string
  curve: object
  seconds: number[]
  valence: number[]
  arousal: number[]
}

const { curves } = JSON.parse(readFileSync("../tests/emotion_vectors.json", "utf8")) as { curves: Vector[] }

for (const vector of curves)
  test(`the shared vector "${vector.name}" to 1e-6`, () => {
    const curve = parse(JSON.stringify(vector.curve))
    for (const lane of LANES) {
      const sample = sampler(curve[lane])
      vector.seconds.forEach((seconds, i) => {
        assert.ok(Math.abs(sample(seconds) - vector[lane][i]!) <= 1e-6, `${lane} at ${seconds}`)
      })
    }
  })

test("a lane without points is 0", () => {
  assert.equal(sampler([])(3), 0)
})
