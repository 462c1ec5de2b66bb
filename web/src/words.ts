// What the editor says, in the language of the page. English is part of the program, so that nothing is ever
// without words; the other languages come from the server, which reads locales/ as it does for node names.

import english from "../../locales/en/main.json"

export type Words = typeof english.keyface
type Section = Readonly<Record<string, string>>

let spoken: Words = english.keyface

export const say = (): Words["editor"] => spoken.editor
export const sayReading = (): Words["reading"] => spoken.reading
export const sayScales = (): Words["scales"] => spoken.scales

/** What a named feeling is called; in the node's text it keeps its English name. */
export const stateLabel = (name: string): string => (spoken.states as Section)[name] ?? name

/** Changes the language; what is not translated stays English. */
export function speak(other: Partial<Record<keyof Words, Section>>): void {
  const { editor, reading, states, scales, notes } = english.keyface
  spoken = {
    editor: { ...editor, ...other.editor },
    reading: { ...reading, ...other.reading },
    states: { ...states, ...other.states },
    scales: { ...scales, ...other.scales },
    notes: { ...notes, ...other.notes },
  }
}

/** Puts values where a text has {name}. */
export const fill = (text: string, values: Section | Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))

/** A note with the paragraphs that are known in any language said in the present one. */
export function retold(note: string, known: readonly Section[]): string {
  const keys = new Map(known.flatMap((notes) => Object.entries(notes).map(([key, text]) => [text, key] as const)))
  const now = spoken.notes as Section
  return note
    .split("\n\n")
    .map((paragraph) => now[keys.get(paragraph.trim()) ?? ""] ?? paragraph)
    .join("\n\n")
}
