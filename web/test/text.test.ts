import { readFileSync } from "node:fs"
import { test } from "node:test"
import assert from "node:assert/strict"
import { wordFor, STATES } from "../src/states.ts"
import { CurveError, fromCsv, isWords, parse, serialize, toCsv, toWords } from "../src/text.ts"

const JSON_TEXT = '{"v":1,"valence":[[0,0,"smooth"],[2.5,0.85,"hold"]],"arousal":[[1,-0.2,"linear"]]}'

test("JSON comes back as it was", () => {
  assert.equal(serialize(parse(JSON_TEXT)), JSON_TEXT)
})

test("the short form becomes points in both lanes", () => {
  const { valence, arousal } = parse("0:neutral, 2.5 : happy*0.5 1:05:(-0.4, 0.9)")
  assert.deepEqual(valence.map((p) => [p.seconds, p.value]), [[0, 0], [2.5, 0.425], [65, -0.4]])
  assert.deepEqual(arousal.map((p) => [p.seconds, p.value]), [[0, 0], [2.5, 0.375], [65, 0.9]])
})

test("a single feeling needs no time", () => {
  assert.deepEqual(parse("Sad").valence, [{ seconds: 0, value: -0.85, mode: "smooth" }])
})

test("CSV comes back as it was, other modes and empty cells included", () => {
  const curve = parse(JSON_TEXT)
  assert.deepEqual(fromCsv(toCsv(curve)), curve)
})

test("tables of spreadsheets are read: semicolons, tabs, decimal commas, quotes, a named separator", () => {
  const curve = fromCsv("seconds,valence,arousal\n0,0.5,-0.1\n2.5,,1\n")
  for (const table of [
    "seconds;valence;arousal\r\n0;0,5;-0,1\r\n2,5;;1\r\n",
    "sep=;\nSeconds;Valence;Arousal\n0;0.5;-0.1\n2.5;;1",
    "\uFEFFseconds\tvalence\tarousal\n0\t0,5\t-0,1\n2,5\t\t1",
    '"seconds","valence","arousal"\n"0","0.5","-0.1"\n"2.5","","1"\n',
  ])
    assert.deepEqual(fromCsv(table), curve)
  assert.throws(() => fromCsv("sep=;\nseconds;valence;arousal\n0;x;0"), /line 3 has 'x'/)
})

test("words stay words where they can say the curve", () => {
  for (const text of ["0:neutral 2.5:happy 6:(-0.4,0.9)", "0:sad*0.5", "1:angry*0.25 90.125:excited"])
    assert.equal(toWords(parse(text)), text)
  assert.equal(toWords(parse("1:05:HAPPY * 2")), "65:(1,1)")
  for (const [name, [v, a]] of Object.entries(STATES)) assert.equal(wordFor(v, a), name)
  assert.ok(isWords(" happy") && !isWords(' {"v":1}'))
})

test("what words cannot say is not said in words", () => {
  const { valence, arousal } = parse("0:neutral 2:happy")
  const held = valence.map((point) => ({ ...point, mode: "hold" as const }))
  for (const curve of [{ valence, arousal: [] }, { valence, arousal: arousal.slice(1) }, { valence: held, arousal }])
    assert.equal(toWords(curve), null)
  assert.equal(toWords({ valence: [], arousal: [] }), null)
})

const BAD: [string, RegExp][] = [
  ['{"v":1,"valence":[[0,', /malformed/],
  ["{}", /no version/],
  ['{"v":2}', /version 2, this KeyFace reads version 1/],
  ['{"v":1,"mood":[]}', /unknown key "mood"/],
  ['{"v":1,"valence":5}', /not a list/],
  ['{"v":1,"valence":[[0,"x","smooth"]]}', /has the point/],
  ['{"v":1,"valence":[[0,null,"smooth"]]}', /has the point/],
  ['{"v":1,"valence":[[0,0,"wavy"]]}', /mode 'wavy'/],
  ['{"v":1,"valence":[[-1,0,"smooth"]]}', /0 or more/],
  ['{"v":1,"valence":[[0,1.5,"smooth"]]}', /must lie in \[-1, 1\]/],
  ['{"v":1,"valence":[[1,0,"smooth"],[1,0,"smooth"]]}', /two points at 1 s/],
  ['{"v":1,"valence":[[0,0,"smooth"],[5e-324,1,"smooth"]]}', /two points at 5e-324 s/],
  ['{"v":1,"valence":[[2,0,"smooth"],[1,0,"smooth"]]}', /sort the points/],
  ["", /cannot be read/],
  ["0:hapy", /'hapy' is unknown/],
  ["happy sad", /has no time/],
  ["0:(1)", /no pair/],
  ["0:(NaN,0)", /number belongs|must lie/],
  ["1:2:3:4:happy", /has 4 parts/],
  ["x:happy", /where a number belongs/],
]

for (const [text, said] of BAD)
  test(`refused: ${text}`, () => {
    assert.throws(() => parse(text), (error) => error instanceof CurveError && said.test(error.message))
  })

const SHARED = JSON.parse(readFileSync("../tests/emotion_vectors.json", "utf8")) as {
  refused: string[]
  read: [string, object][]
}

for (const text of SHARED.refused)
  test(`refused as by Python: ${JSON.stringify(text).slice(0, 60)}`, () => {
    assert.throws(() => parse(text), CurveError)
  })

for (const [text, curve] of SHARED.read)
  test(`read as by Python: ${JSON.stringify(text).slice(0, 60)}`, () => {
    assert.deepEqual(JSON.parse(serialize(parse(text))), curve)
  })

test("ten thousand points are read and sampled at once", () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => [i / 10, Math.sin(i) / 2, "smooth"])
  assert.equal(parse(JSON.stringify({ v: 1, valence: rows, arousal: [] })).valence.length, 10_000)
})
