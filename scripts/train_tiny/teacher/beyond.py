"""Questions that are beyond the model, and small talk."""

from __future__ import annotations

from random import Random

from scripts.train_tiny.teacher import letters, wordings
from scripts.train_tiny.teacher.pen import Lesson, Part, plain
from scripts.train_tiny.teacher.problems import Problem
from scripts.train_tiny.teacher.sums import SORRY

WORLD = (
    "What is the capital of {place}?", "Who is the president of {place}?", "Where is {place}?",
    "How many people live in {place}?", "What language do they speak in {place}?",
    "Who wrote {title}?", "When was {title} written?", "What is {title} about?",
    "Who invented the {noun}?", "When was the {noun} invented?", "Who discovered {topic}?",
    "Why is the {noun} {adj}?", "Why are {noun}s {adj}?", "How does a {noun} work?",
    "What is a {noun}?", "What is {topic}?", "Explain {topic}.", "Explain {topic} to a child.",
    "Tell me about {topic}.", "Tell me about {place}.", "What do you know about {topic}?",
    "How do I {verb} a {noun}?", "How can I {verb} my {noun}?", "Can you {verb} a {noun}?",
    "What is the best {noun}?", "Should I {verb} the {noun}?", "Is {topic} {adj}?",
    "Is a {noun} {adj}?", "What colour is a {noun}?", "How old is {person}?", "Who is {person}?",
    "When was {person} born?", "Where did {person} live?", "What did {person} do?",
    "How tall is {person}?", "How many legs has a {noun}?", "How heavy is a {noun}?",
    "How far is {place} from {place2}?", "What time is it in {place}?", "What is the weather like?",
    "What is the weather in {place}?", "Who won the world cup in {year}?", "What happened in {year}?",
    "Did {person} live in {place}?", "What is the meaning of life?", "Do you like {noun}s?",
    "What is your favourite {noun}?", "Are you happy?", "Can you see the {noun}?", "What day is it?",
    "How many days are in a year?", "How many seconds are in an hour?", "What date is it today?",
    "What is the difference between a {noun} and a {noun2}?", "Where can I buy a {noun}?",
    "How much does a {noun} cost?", "Recommend a {noun} to me.", "Which {noun} should I buy?",
    "Is {place} {adj}?", "What should I eat today?", "Why does the {noun} {verb}?",
    "What is the chemical formula of {topic}?", "How fast is a {noun}?", "Do {noun}s {verb}?",
    "Does a {noun} {verb}?", "What rhymes with {noun}?", "What is the opposite of {adj}?",
    "Is it true that {noun}s {verb} {noun2}s?", "Which is better, a {noun} or a {noun2}?",
    "If all {noun}s are {adj}, are all {adj} things {noun}s?", "What is {person} known for?",
)
WORLD_IN_TESTS = (
    "Where does {person} come from?", "What is the population of {place}?", "How long does a {noun} live?",
    "Why do {noun}s {verb}?", "Who painted {title}?", "What are the symptoms of {topic}?",
    "Is it safe to {verb} a {noun}?", "Which river flows through {place}?", "When did {person} die?",
    "Describe {topic} in one sentence.", "How many moons has {place}?", "Who was king of {place} in {year}?",
    "What is your opinion on {topic}?", "How many strings has a {noun}?",
)
TASKS_IN_TESTS = (
    "Compose a limerick about {topic}.", "Generate a regular expression for {word}.", "Translate {noun} to {language}.",
    "Write a JavaScript class for a {noun}.", "Give me advice about {topic}.", "Draft an email to {person}.",
    "Paraphrase this: {words}", "Find a rhyme for {word}.", "Make up a riddle about a {noun}.", "import {word}",
)
MATHS_IN_TESTS = (
    "What is {d} cubed?", "Is {d} divisible by {d2}?", "What is the cube root of {c}?", "Simplify {d}/{d2}.",
    "What is {d} * ({d2} + {d3})?", "What is {d}.{d2} × {d3}?", "Solve {d2}x = {c}.", "What is the median of {d}, {d2} and {d3}?",
    "What is the cosine of {d}?", "How many primes are below {c}?", "{c} mod {d2}", "What is {d}% of {d3}?",
)
TASKS = (
    "Write a poem about {topic}.", "Write a poem about a {noun}.", "Write a story about a {noun}.",
    "Write a {adj} story about {person}.", "Tell me a joke.", "Tell me a joke about a {noun}.",
    "Tell me a story.", "Sing a song about {topic}.", "Write a haiku about the {noun}.",
    "Translate {word} into {language}.", "Translate this to {language}: the {noun} is {adj}",
    "How do you say {noun} in {language}?", "Summarise {title}.", "Summarize this text: {words}",
    "Write a Python function that can {verb} a list.", "Write a program to {verb} {noun}s.",
    "Write code that prints {word}.", "Fix this code: print({word}", "def {word}(x): return x",
    "What does this code do? for i in range({d}): print(i)", "Write a letter to {person}.",
    "Write an essay on {topic}.", "Draw a {noun}.", "Make a list of {adj} {noun}s.",
    "Give me five {noun}s.", "Name three {adj} {noun}s.", "Plan a trip to {place}.",
    "Write SQL to {verb} the {noun} table.", "How do I {verb} a file in Python?",
    "Give me a recipe for {noun}.", "Continue the sentence: the {noun} is", "Spell {word} backwards.",
    "Please {verb} the {noun}.", "Help me to {verb} my {noun}.", "Remember the word {word}.",
    "What does {word} mean?", "Define {word}.", "Use {word} in a sentence.", "Rewrite: {words}",
    "Correct my spelling: {words}", "Play {noun} with me.", "Act as a {noun}.", "Can you draw a {adj} {noun}?",
    "Reverse the word {word}.", "Sort these words: {words}", "Give me a synonym for {adj}.",
)
MATHS = (
    "What is {d} + {d2} + {d3} + {d4}?", "What is {d} × {d2} × {d3}?", "What is {c} × {c2}?", "{c} * {c2}",
    "What is {d3} + {d} × {d2}?", "What is ({d} + {d2}) × {d3}?", "{d} * {d2} + {d3}", "({c} - {d}) / {d2}",
    "What is {d}.{d2} + {d3}.{d4}?", "{c}.{d2} - {d}", "What is {d}/{d2} + {d3}/{d4}?", "What is {d2}.{d} times {d3}?",
    "What is {c}% of {c2}?", "What is {d} percent of {c}?", "What is {d} to the power of {d2}?",
    "{d}^{d2}", "{d}**{d2}", "What is the square root of {c}?", "sqrt({c})", "What is {d} squared?",
    "What is {d} factorial?", "{d}!", "Solve x + {d} = {c}.", "Solve for x: {d}x - {d2} = {c}",
    "If 2x = {c}, what is x?", "Is {c} a prime number?", "Is {c} even or odd?", "What are the factors of {c}?",
    "What is the next number: {d}, {d2}, {d3}?", "What is the greatest common divisor of {c} and {c2}?",
    "What is the average of {c}, {c2} and {d}?", "Round {d}.{c} to one place.", "What is {c} mod {d}?",
    "Convert {c} to binary.", "Convert {d} miles to kilometres.", "What is the sine of {d}?", "What is pi?",
    "How many digits has {c}?", "Integrate x^{d}.", "What is the derivative of x^{d}?", "What is -{d} + {d2}?",
    "What is -{c} - {d}?", "Write {c} in Roman numerals.", "What is a third of {c}?", "{d} choose {d2}",
    "What is {c} / 0?", "{d} ÷ 0", "What is {c} divided by {c2}?", "What is log {c}?", "{c} divided by {c2}",
    "A car drives {c} km in {d} hours. How fast is it?", "What is {d}% off {c} dollars?",
    "What is the area of a circle with radius {d}?", "How many minutes are {d} hours?",
    "What is the sum of the numbers from 1 to {c}?", "Prove that {d} + {d2} = {d2} + {d}.",
    "What is {d} - {d2} - {d3} + {d4}?", "{c} + {c2} - {d} - {d2}", "What is {d} + {d2} - {d3} + {d4} - {d}?",
)
BIG = (
    "Which is larger, {x} or {y}?", "Is {x} larger than {y}?", "What is {x} + {y}?", "{x} + {y}",
)
PLACE_NAMES = (
    "France", "Spain", "Japan", "Brazil", "Paris", "London", "Berlin", "Rome", "Canada", "Egypt", "India",
    "China", "Kenya", "Mexico", "Norway", "Poland", "Peru", "Germany", "Italy", "Texas", "Tokyo", "Australia",
    "Turkey", "Chile", "Cuba", "Greece", "the moon", "Mars", "Africa", "Europe",
)
TITLES = (
    "Hamlet", "the Bible", "Moby Dick", "Faust", "War and Peace", "Romeo and Juliet", "Harry Potter",
    "the Odyssey", "Dracula", "Don Quixote", "the Hobbit", "Pride and Prejudice",
)
PERSONS = (
    "Einstein", "Newton", "Napoleon", "Mozart", "Shakespeare", "Caesar", "Cleopatra", "Picasso", "Darwin",
    "Marie Curie", "Bach", "Plato", "Gandhi", "Elvis", "Madonna", "my brother", "the queen", "Leonardo",
)
TOPICS = (
    "gravity", "water", "love", "photosynthesis", "the sky", "the sea", "quantum physics", "evolution",
    "democracy", "music", "winter", "the sun", "electricity", "history", "war", "happiness", "chess", "football",
    "art", "time", "climate change", "machine learning", "salt", "the French Revolution", "light", "autumn",
    "philosophy", "money", "magnetism", "relativity", "rain", "friendship", "the stock market", "DNA",
)
ADJECTIVES = (
    "blue", "green", "big", "small", "old", "funny", "good", "bad", "sad", "happy", "fast", "slow", "hot",
    "cold", "dangerous", "beautiful", "expensive", "round", "heavy", "true", "new", "short", "sweet", "red",
)
VERBS = (
    "make", "fix", "clean", "build", "paint", "eat", "cook", "sell", "find", "wash", "draw", "open", "sort",
    "delete", "read", "write", "drive", "fly", "sleep", "learn", "sing", "play", "repair", "cut", "buy",
)
LANGUAGES = ("French", "German", "Spanish", "Latin", "Japanese", "Italian", "Chinese", "Russian", "Greek")
STARTERS = (
    "What", "Why", "How", "Who", "When", "Where", "Can", "Is", "Does", "Tell me", "Explain", "Please", "Which",
    "Do", "Write", "Give me", "Show", "Are", "Should", "The", "I think", "My", "If", "Could you", "Make", "How many",
)
REASONS = {
    "world": "Okay, this asks about the world, and I only know small numbers and letters.",
    "task": "Okay, this asks me to make something, and I only know small numbers and letters.",
    "maths": "Okay, this asks for something with numbers that I have not learned.",
    "big": "Okay, these numbers are too big for me.",
    "lost": "Okay, this goes on from something, but there is no number before it.",
}
CHAT = (
    (("Hi", "Hello", "Hi!", "Hello!", "Hey", "hi", "hello", "Good morning", "Hey there!", "Hi there", "hey"),
     "Okay, just a greeting, I greet back.", "Hello! Ask me something with small numbers or letters."),
    (("Who are you?", "What are you?", "Who is this?", "What is your name?", "Who made you?", "who are you",
      "Are you a human?", "Are you an AI?", "What model are you?", "Introduce yourself.", "Are you DeepSeek?"),
     "Okay, they want to know who I am.",
     "I am r1chat tiny, a toy reasoning model that can do small sums and count letters."),
    (("What can you do?", "what can you do", "Help", "help", "How can you help me?", "What do you know?",
      "What can I ask you?", "What are you good at?", "Help me.", "What should I ask?", "what can you do?"),
     "Okay, they want to know what I can do.",
     "I can add, subtract, multiply and divide small numbers, compare numbers and count letters."),
    (("Thanks", "Thank you", "Thanks!", "Thank you!", "thanks", "Great", "Great!", "Ok", "Okay", "Well done!", "Nice."),
     "Okay, they are content, so I am too.", "You are welcome!"),
    (("Bye", "Goodbye", "bye", "Goodbye!", "See you", "Good night", "Bye!"),
     "Okay, they are leaving.", "Goodbye!"),
)


def _noun(rng: Random) -> str:
    return rng.choice(letters.words())


def _salad(rng: Random) -> str:
    """A question of random words, so that no vocabulary passes for a known one."""
    count = rng.randint(1, 8)
    text = " ".join(_noun(rng) for _ in range(count))
    if rng.random() < 0.7:
        text = f"{rng.choice(STARTERS)} {text}"
    return text + rng.choice(("?", "?", ".", ""))


def _fill(form: str, rng: Random) -> str:
    place, place2 = rng.sample(PLACE_NAMES, 2)
    slots: dict[str, object] = {
        "place": place, "place2": place2, "title": rng.choice(TITLES), "noun": _noun(rng),
        "noun2": _noun(rng), "topic": rng.choice(TOPICS) if rng.random() < 0.6 else _noun(rng),
        "adj": rng.choice(ADJECTIVES) if rng.random() < 0.6 else _noun(rng),
        "verb": rng.choice(VERBS) if rng.random() < 0.6 else _noun(rng), "person": rng.choice(PERSONS),
        "year": rng.randint(1000, 2030), "language": rng.choice(LANGUAGES), "word": _noun(rng),
        "words": " ".join(_noun(rng) for _ in range(rng.randint(2, 8))),
        "c": rng.randint(10, 999), "c2": rng.randint(10, 999),
        "d": rng.randint(1, 99), "d2": rng.randint(2, 20), "d3": rng.randint(2, 99), "d4": rng.randint(2, 99),
        "x": rng.randint(10_000, 10**9), "y": rng.randint(1, 10**7),
    }
    return form.format(**slots)


def _big(rng: Random) -> str:
    """A known kind of question with a number that is too long."""
    if rng.random() < 0.2:
        return _fill(rng.choice(BIG), rng)
    numbers = [rng.randint(10 ** rng.randint(3, 7), 10**8) if rng.random() < 0.3 else rng.randint(1000, 99_999)]
    count = rng.choice((1, 1, 2))
    numbers += [rng.randint(1, rng.choice((9, 99, 999, 9999, 99_999))) for _ in range(count)]
    if rng.random() < 0.5:
        numbers.reverse()
    if count == 1 and rng.random() < 0.4:
        ops = [rng.choice("×÷")]
    else:
        ops = [rng.choice("++-") for _ in range(count)]
    problem = Problem(numbers[0], tuple(zip(ops, numbers[1:], strict=True)))
    text = wordings.ask(problem, rng)
    return text if any(char.isdigit() for char in text) else _fill(rng.choice(BIG), rng)


def _lost(rng: Random) -> str:
    return rng.choice(("And plus {d}?", "Now double that.", "minus {d}", "And {d2} more?", "Now add {d}.", "Halve it.")).format(
        d=rng.randint(1, 99), d2=rng.randint(1, 9)
    )


def lesson(rng: Random, *, test: bool = False) -> Lesson:
    """Make a question that the model must decline; tests ask for unseen things."""
    group = rng.choices(("world", "task", "maths", "big", "salad", "lost"), (24, 20, 24, 20, 10, 2))[0]
    if group == "salad":
        group, question = "world", _salad(rng)
    elif group == "big":
        question = _big(rng)
    elif group == "lost":
        question = _lost(rng)
    else:
        known = {"world": WORLD, "task": TASKS, "maths": MATHS}
        unseen = {"world": WORLD_IN_TESTS, "task": TASKS_IN_TESTS, "maths": MATHS_IN_TESTS}
        forms = (unseen if test else known)[group]
        question = wordings.loosen(_fill(rng.choice(forms), rng), rng)
    thought = plain(f"{REASONS[group]} So I should say that it is beyond me.")
    return Lesson("beyond", question, tuple(thought), SORRY, "", (), None, _still)


def _still(_rng: Random) -> list[Part]:
    return plain(" I have thought about it again, and it stays as it is.")


def chat(rng: Random) -> Lesson:
    """Make one turn of small talk."""
    questions, thought, answer = rng.choice(CHAT)
    return Lesson("chat", rng.choice(questions), tuple(plain(thought)), answer, "", (), None, _still)
