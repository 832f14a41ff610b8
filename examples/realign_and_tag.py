"""Does realigning with the lower half frozen help German tagging? Ten lines, on the embedded corpus."""

import alignfreeze as af
from alignfreeze.corpora.mini import mini_path

bitext = af.read_bitext(mini_path("en-de.tsv"), languages=("en", "de"))
alignments = af.align(bitext)
encoder = af.load_encoder("embedded:e5-small")
af.realign(encoder, bitext, alignments, freeze="front", settings=af.RealignmentSettings(steps=20))
sentences = af.read_conllu(mini_path("en-train.conllu"))
settings = af.FinetuningSettings(epochs=3, learning_rate=5e-4)
tagger, history = af.finetune(encoder, af.TASKS["pos"], sentences, settings=settings)
print(af.evaluate(tagger, af.TASKS["pos"], {"de": af.read_conllu(mini_path("de-test.conllu"))}))
tagger.save("tagger")  # an ordinary folder for transformers.pipeline("token-classification")
