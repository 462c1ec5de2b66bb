// The feelings the authors name, as [valence, arousal]; keyface_lib.method.emotion has the same table.

export const STATES: Readonly<Record<string, readonly [number, number]>> = {
  happy: [0.85, 0.75],
  angry: [-0.443, 0.908],
  surprised: [0, 0.85],
  sad: [-0.85, -0.35],
  neutral: [0, 0],
  fear: [0.181, 0.949],
  disgusted: [-0.8, 0.5],
  contempt: [0.307, 0.535],
  calm: [0.65, -0.5],
  excited: [0.9, 0.9],
  bored: [-0.6, -0.9],
  confused: [-0.3, 0.4],
  anxious: [-0.85, 0.9],
  confident: [0.7, 0.4],
  frustrated: [-0.8, 0.6],
  amused: [0.7, 0.5],
  proud: [0.8, 0.4],
  ashamed: [-0.8, -0.3],
  grateful: [0.7, 0.2],
  jealous: [-0.7, 0.5],
  hopeful: [0.7, 0.3],
  disappointed: [-0.7, -0.3],
  curious: [0.5, 0.5],
  overwhelmed: [-0.6, 0.8],
}

/** The state that lies closest to a feeling. */
export function nearestState(valence: number, arousal: number): string {
  let best = "neutral"
  let least = Infinity
  for (const [name, [v, a]] of Object.entries(STATES)) {
    const distance = Math.hypot(v - valence, a - arousal)
    if (distance < least) [best, least] = [name, distance]
  }
  return best
}

/** Beyond it a name says less than the numbers: (1,1) is curious*2, and nobody meant that. */
const STRONGEST = 1.5

/** What the short form calls a feeling: happy, happy*0.5; null where no named state lies exactly there. */
export function wordFor(valence: number, arousal: number): string | null {
  for (const [name, [v, a]] of Object.entries(STATES)) {
    if (v === valence && a === arousal) return name
    const factor = Math.round((100 * (v ? valence : arousal)) / (v || a || 1)) / 100
    if (factor > 0 && factor <= STRONGEST && factor * v === valence && factor * a === arousal) return `${name}*${factor}`
  }
  return null
}
