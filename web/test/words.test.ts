import { readdirSync, readFileSync } from "node:fs"
import { test } from "node:test"
import assert from "node:assert/strict"
import { STATES } from "../src/states.ts"
import { fill, retold, say, speak, stateLabel, type Words } from "../src/words.ts"

type Spoken = Record<keyof Words, Record<string, string>>
const read = (language: string) =>
  (JSON.parse(readFileSync(`../locales/${language}/main.json`, "utf8")) as { keyface: Spoken }).keyface
const languages = readdirSync("../locales").map(read)
const english = read("en")
const values = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()

test("every language says everything, with the same values in it", () => {
  assert.ok(languages.length >= 3)
  for (const language of languages)
    for (const [section, texts] of Object.entries(english) as [keyof Words, Record<string, string>][]) {
      assert.deepEqual(Object.keys(language[section]).sort(), Object.keys(texts).sort())
      if (section === "notes") continue
      for (const [key, text] of Object.entries(texts)) assert.deepEqual(values(language[section][key]!), values(text), key)
    }
  assert.deepEqual(Object.keys(english.states).sort(), Object.keys(STATES).sort())
})

test("every paragraph of the templates' notes is known", () => {
  const known = new Set(Object.values(english.notes))
  for (const name of readdirSync("../workflows").filter((file) => file.endsWith(".json"))) {
    const { nodes } = JSON.parse(readFileSync(`../workflows/${name}`, "utf8")) as { nodes: { type: string; widgets_values: string[] }[] }
    for (const { widgets_values } of nodes.filter(({ type }) => /Note$/.test(type)))
      for (const paragraph of widgets_values[0]!.split("\n\n")) assert.ok(known.has(paragraph.trim()), `${name}: ${paragraph}`)
  }
})

test("a note is said in the language of the page, whichever it was written in", () => {
  const chinese = read("zh")
  const [first, second] = Object.keys(english.notes) as [string, string]
  const note = `${english.notes[first]}\n\nmine\n\n${english.notes[second]}`
  const all = languages.map(({ notes }) => notes)
  assert.equal(retold(note, all), note)
  speak(chinese)
  const said = retold(note, all)
  assert.equal(said, `${chinese.notes[first]}\n\nmine\n\n${chinese.notes[second]}`)
  assert.equal(say().mirror, chinese.editor.mirror)
  assert.equal(stateLabel("angry"), chinese.states.angry)
  speak({})
  assert.equal(retold(said, all), note)
})

test("values are put where they belong", () => {
  assert.equal(fill("{value} at {time} s {else}", { value: 0.5, time: "1.00" }), "0.5 at 1.00 s {else}")
})
