// Whose keys, clipboard and wheel an event is. ComfyUI listens on the whole page, so what belongs to an editor
// is taken at the window, before it gets anywhere: also while nothing has the focus because the element that
// had it is gone, as after a deleted point.

/** What an editor does with what belongs to it. */
export interface Claimant {
  readonly element: HTMLElement
  key(event: KeyboardEvent): void
  wheel(event: WheelEvent): void
  copy(event: ClipboardEvent): void
  paste(event: ClipboardEvent): void
}

const MODIFIERS = ["Shift", "Control", "Alt", "Meta"]

const claimants = new Set<Claimant>()
let holder: Claimant | null = null

/** From now on what happens in an editor is its own. */
export function claim(claimant: Claimant): void {
  claimants.add(claimant)
}

export function release(claimant: Claimant): void {
  claimants.delete(claimant)
  if (holder === claimant) holder = null
}

export const holds = (claimant: Claimant): boolean => holder === claimant

/** Gives the keyboard to an editor, as if it had been clicked. */
export function hand(claimant: Claimant): void {
  holder = claimant
  settle(claimant)
}

/** Puts the focus into the editor that holds the keyboard, if nothing else has it. */
export function settle(claimant: Claimant): void {
  if (holder !== claimant || !nothingFocused()) return
  claimant.element.focus({ preventScroll: true })
}

const nothingFocused = (): boolean =>
  !document.activeElement || document.activeElement === document.body || document.activeElement === document.documentElement

function around(target: EventTarget | null): Claimant | null {
  if (!(target instanceof Node)) return null
  for (const claimant of claimants) if (claimant.element.contains(target)) return claimant
  return null
}

function owner(event: Event): Claimant | null {
  return around(event.target) ?? (nothingFocused() ? holder : null)
}

function take<K extends keyof WindowEventMap>(
  name: K,
  act: (claimant: Claimant, event: WindowEventMap[K]) => void,
  whose: (event: WindowEventMap[K]) => Claimant | null = owner,
): void {
  const listener = (event: WindowEventMap[K]) => {
    const claimant = whose(event)
    if (!claimant) return
    event.stopPropagation() // not to the page; what already listens at the window, such as undo, still hears it
    act(claimant, event)
  }
  window.addEventListener(name, listener, { capture: true, passive: false })
}

for (const name of ["pointerdown", "focusin"] as const)
  window.addEventListener(name, ({ target }) => (holder = around(target)), true)
take("keydown", (claimant, event) => claimant.key(event))
// The page may have seen a modifier go down; it must see it go up.
take("keyup", () => {}, (event) => (MODIFIERS.includes(event.key) ? null : owner(event)))
take("copy", (claimant, event) => claimant.copy(event))
take("cut", () => {})
take("paste", (claimant, event) => claimant.paste(event))
take("wheel", (claimant, event) => claimant.wheel(event), (event) => around(event.target))
